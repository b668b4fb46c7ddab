"""Scripts for `lpips` 0.1.4, in the style of its own repository and of repositories that use it.

Each script has a name, its arguments and its text. The scripts find images in the folder `imgs`, and in `dir0` and
`dir1`, which have two file names in common.
"""

from __future__ import annotations

SCRIPTS: dict[str, tuple[list[str], str]] = {}

SCRIPTS["two folders"] = (
    ["-dir0", "dir0", "-dir1", "dir1", "-o", "dists.txt"],
    """
import argparse
import os
import lpips

parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument('-d0','-dir0','--dir0', type=str, default='./imgs/ex_dir0')
parser.add_argument('-d1','-dir1','--dir1', type=str, default='./imgs/ex_dir1')
parser.add_argument('-o','--out', type=str, default='./imgs/example_dists.txt')
parser.add_argument('-v','--version', type=str, default='0.1')
parser.add_argument('--use_gpu', action='store_true', help='turn on flag to use GPU')
opt = parser.parse_args()

## Initializing the model
loss_fn = lpips.LPIPS(net='alex',version=opt.version)
if(opt.use_gpu):
    loss_fn.cuda()

f = open(opt.out,'w')
files = os.listdir(opt.dir0)
for file in sorted(files):
    if(os.path.exists(os.path.join(opt.dir1,file))):
        img0 = lpips.im2tensor(lpips.load_image(os.path.join(opt.dir0,file))) # RGB image from [-1,1]
        img1 = lpips.im2tensor(lpips.load_image(os.path.join(opt.dir1,file)))
        if(opt.use_gpu):
            img0 = img0.cuda()
            img1 = img1.cuda()
        dist01 = loss_fn.forward(img0,img1)
        print('%s: %.3f'%(file,dist01))
        f.writelines('%s: %.6f\\n'%(file,dist01))
f.close()
print(open(opt.out).read())
""",
)

SCRIPTS["two images"] = (
    ["--path0", "imgs/ex_ref.png", "--path1", "imgs/ex_p0.png"],
    """
import argparse
import lpips

parser = argparse.ArgumentParser()
parser.add_argument('-p0','--path0', type=str, default='./imgs/ex_ref.png')
parser.add_argument('-p1','--path1', type=str, default='./imgs/ex_p0.png')
parser.add_argument('--use_gpu', action='store_true')
opt = parser.parse_args()
loss_fn = lpips.LPIPS(net='alex', verbose=True)
if(opt.use_gpu):
    loss_fn.cuda()
img0 = lpips.im2tensor(lpips.load_image(opt.path0))
img1 = lpips.im2tensor(lpips.load_image(opt.path1))
dist01 = loss_fn.forward(img0, img1)
print('Distance: %.6f'%dist01, tuple(dist01.shape), dist01.dtype, dist01.item())
""",
)

SCRIPTS["all pairs of a folder"] = (
    ["-d", "imgs", "--all-pairs"],
    """
import argparse
import os
import numpy as np
import lpips

parser = argparse.ArgumentParser()
parser.add_argument('-d','--dir', type=str)
parser.add_argument('--all-pairs', action='store_true')
parser.add_argument('-N', type=int, default=None)
opt = parser.parse_args()
loss_fn = lpips.LPIPS(net='alex')
files = sorted(os.listdir(opt.dir))
if(opt.N is not None):
    files = files[:opt.N]
dists = []
for (ff,file) in enumerate(files[:-1]):
    img0 = lpips.im2tensor(lpips.load_image(os.path.join(opt.dir,file)))
    files1 = files[ff+1:] if opt.all_pairs else [files[ff+1],]
    for file1 in files1:
        img1 = lpips.im2tensor(lpips.load_image(os.path.join(opt.dir,file1)))
        dist01 = loss_fn.forward(img0,img1)
        print('(%s,%s): %.6f'%(file,file1,dist01))
        dists.append(dist01.item())
print('Mean distance: %.6f +/- %.6f'%(np.mean(np.array(dists)), np.std(np.array(dists))/np.sqrt(len(dists))))
""",
)

SCRIPTS["pulling an image"] = (
    [],
    """
import torch
from torch.autograd import Variable
import lpips

loss_fn = lpips.LPIPS(net='alex', verbose=False)
ref = lpips.im2tensor(lpips.load_image('imgs/ex_ref.png'))
pred = Variable(lpips.im2tensor(lpips.load_image('imgs/ex_p1.png')), requires_grad=True)
optimizer = torch.optim.Adam([pred,], lr=1e-3, betas=(0.9, 0.999))
for i in range(4):
    dist = loss_fn.forward(pred, ref)
    optimizer.zero_grad()
    dist.backward()
    optimizer.step()
    pred.data = torch.clamp(pred.data, -1, 1)
    if i % 2 == 0:
        print('iter %d, dist %.7g' % (i, dist.view(-1).data.cpu().numpy()[0]))
        pred_img = lpips.tensor2im(pred.data)
        print(pred_img.shape, pred_img.dtype)
""",
)

SCRIPTS["loss in a training loop"] = (
    [],
    """
import torch
import lpips

device = torch.device('cuda' if False else 'cpu')
loss_fn_alex = lpips.LPIPS(net='alex').to(device).eval()
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(),
                          torch.nn.Conv2d(8, 3, 3, padding=1), torch.nn.Tanh())
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
target = torch.cat([lpips.im2tensor(lpips.load_image('imgs/ex_%s.png' % name)) for name in ('ref', 'p0', 'p1')])
net.train()
for epoch in range(3):
    output = net(target + 0.1)
    l1 = torch.nn.functional.l1_loss(output, target)
    perceptual = loss_fn_alex(output, target).mean()
    loss = l1 + 0.5 * perceptual
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(epoch, l1.item(), perceptual.item(), loss.squeeze().detach().numpy())
print(any(p.grad is not None for p in loss_fn_alex.net.parameters()))
""",
)

SCRIPTS["spatial map"] = (
    [],
    """
import torch
import lpips

use_gpu = False         # Whether to use GPU
spatial = True          # Return a spatial map of perceptual distance.
loss_fn = lpips.LPIPS(net='alex', spatial=spatial)
if(use_gpu):
    loss_fn.cuda()
dummy_im0 = torch.zeros(1,3,64,80)
dummy_im1 = torch.ones(1,3,64,80) * 0.3
print(tuple(loss_fn.forward(dummy_im0,dummy_im1).shape))
ex_ref = lpips.im2tensor(lpips.load_image('./imgs/ex_ref.png'))
ex_p0 = lpips.im2tensor(lpips.load_image('./imgs/ex_p0.png'))
ex_p1 = lpips.im2tensor(lpips.load_image('./imgs/ex_p1.png'))
ex_d0 = loss_fn.forward(ex_ref,ex_p0)
ex_d1 = loss_fn.forward(ex_ref,ex_p1)
if not spatial:
    print('Distances: (%.3f, %.3f)'%(ex_d0, ex_d1))
else:
    print('Distances: (%.6f, %.6f)'%(ex_d0.mean(), ex_d1.mean()))
    print(*ex_d0[0,0,...].data.cpu().numpy()[::17, ::13].flatten())
""",
)

SCRIPTS["normalize"] = (
    [],
    """
import numpy as np
import torch
import lpips

lpips_squeeze = lpips.LPIPS(net='squeeze', version='0.1')
with torch.no_grad():
    for seed in range(2):
        rng = np.random.RandomState(seed)
        img1, img2 = rng.rand(4, 40, 48, 3), rng.rand(4, 40, 48, 3)
        t1, t2 = (torch.from_numpy(x).permute(0, 3, 1, 2).float() for x in (img1, img2))
        d = lpips_squeeze(t1, t2, normalize=True)
        print(d.squeeze().cpu().numpy().tolist(), d.mean().item())
        print(lpips_squeeze(t1[0], t2[0], normalize=True).item())
    value, layers = lpips_squeeze(t1, t2, retPerLayer=True, normalize=True)
    print(value.shape, *[layer.flatten()[0].item() for layer in layers])
""",
)

SCRIPTS["net without lin"] = (
    [],
    """
import torch
import lpips

for net in ('alex', 'squeeze'):
    fn = lpips.LPIPS(net=net, lpips=False, pretrained=True)
    a, b = (lpips.im2tensor(lpips.load_image('imgs/%s.png' % name)) for name in ('ex_ref', 'ex_p0'))
    print(net, fn(a, b).item(), fn.L, fn.chns, hasattr(fn, 'lins'))
    outs = fn.net.forward(fn.scaling_layer(a))
    print(outs._fields, [tuple(out.shape) for out in outs])
    print(*[lpips.normalize_tensor(out).mean().item() for out in outs])
""",
)

SCRIPTS["version 0.0"] = (
    [],
    """
import os
import lpips

for net in ('alex', 'squeeze'):
    fn = lpips.LPIPS(pretrained=True, net=net, version='0.0')
    for name in ('ex_p0', 'ex_p1'):
        paths = [os.path.join('imgs', x + '.png') for x in ('ex_ref', name)]
        a, b = (lpips.im2tensor(lpips.load_image(path)) for path in paths)
        print(net, name, fn.version, '%.7f' % fn(a, b))
""",
)

SCRIPTS["saving and loading"] = (
    [],
    """
import torch
import lpips

fn = lpips.LPIPS(net='alex', verbose=False)
torch.save(fn.state_dict(), 'state.pth')
heads = {k: 1.5 * v for k, v in fn.state_dict().items() if k.startswith('lin') and not k.startswith('lins')}
torch.save(heads, 'heads.pth')
other = lpips.LPIPS(net='alex', pnet_rand=True, pretrained=False)
print(other.load_state_dict(torch.load('state.pth')))
for name, value in sorted(fn.state_dict().items()):
    print(name, tuple(value.shape), value.double().sum().item())
a, b = (lpips.im2tensor(lpips.load_image('imgs/%s.png' % name)) for name in ('ex_ref', 'ex_p0'))
print(fn(a, b).item(), other(a, b).item())
print(lpips.LPIPS(net='alex', model_path='heads.pth')(a, b).item())
print(sum(p.numel() for p in fn.parameters()), sum(p.numel() for p in fn.net.parameters() if p.requires_grad))
""",
)

SCRIPTS["without a GPU"] = (
    [],
    """
import torch
import lpips

use_gpu = torch.cuda.is_available() and False
fn = lpips.LPIPS(net='alex', eval_mode=True).to('cuda:0' if use_gpu else 'cpu')
l2 = lpips.L2(use_gpu=use_gpu, colorspace='RGB')
a, b = (lpips.im2tensor(lpips.load_image('imgs/%s.png' % name)) for name in ('ex_ref', 'ex_p1'))
d = fn(a.to(next(fn.parameters()).device), b)
print(d.cpu().detach().numpy()[0][0][0][0], l2(a, b).item())
print(float(lpips.psnr(lpips.load_image('imgs/ex_ref.png'), lpips.load_image('imgs/ex_p1.png'))))
print(float(lpips.l2(lpips.load_image('imgs/ex_ref.png'), lpips.load_image('imgs/ex_p1.png'))))
""",
)

BEGIN = """
import torch
import lpips

a, b = (lpips.im2tensor(lpips.load_image('imgs/%s.png' % name)) for name in ('ex_ref', 'ex_p0'))

def fresh(**options):
    return lpips.LPIPS(net='alex', verbose=False, **options)
"""

SCRIPTS["parts that are patched and replaced"] = (
    [],
    BEGIN
    + """
head = torch.nn.Conv2d(64, 1, 1, bias=False)
torch.nn.init.constant_(head.weight, 0.01)
with torch.no_grad():
    fn = fresh()
    forward = fn.net.forward
    fn.net.forward = lambda X: forward(0.5 * X)
    print('net.forward', fn(a, b).item())
    fn = fresh()
    fn.scaling_layer.forward = lambda inp: 0.5 * inp
    print('scaling_layer.forward', fn(a, b).item())
    fn = fresh()
    fn.scaling_layer = torch.nn.Identity()
    print('scaling_layer', fn(a, b).item())
    fn = fresh()
    fn.lins[0] = head
    print('lins[0]', fn(a, b).item(), fn(a, b, retPerLayer=True)[1][0].item())
    fn = fresh()
    fn.lin0 = torch.nn.Sequential(head)
    print('lin0', fn(a, b).item())
    fn = fresh()
    fn.lins[1].forward = lambda x: x.sum(1, keepdim=True)
    print('lins[1].forward', fn(a, b).item())
    fn = fresh()
    fn.lins[2].model[1] = torch.nn.Conv2d(384, 1, 1)
    torch.nn.init.constant_(fn.lins[2].model[1].weight, 0.02)
    torch.nn.init.constant_(fn.lins[2].model[1].bias, 0.5)
    print('lins[2].model', fn(a, b).item())
    fn = fresh()
    fn.L = 4
    print('L', fn(a, b).item(), len(fn(a, b, retPerLayer=True)[1]))
    fn = fresh(lpips=False)
    fn.L = 2
    print('L without heads', fn(a, b).item())
    fn = fresh()
    fn.net = lpips.pn.alexnet(pretrained=True)
    for parameter in fn.net.parameters():
        parameter.data.mul_(0.9)
    print('net', fn(a, b).item())
    fn = fresh()
    setattr(fn.net, 'slice2', torch.nn.Sequential(fn.net.slice2, torch.nn.Tanh()))
    print('slice2', fn(a, b).item())
    fn = fresh()
    fn.net.slice3[1].padding = (0, 0)
    print('padding', fn(a, b).item())
    fn = fresh()
    fn.net.slice2[0] = torch.nn.AvgPool2d(3, 2)
    print('pool', fn(a, b).item())
    fn = fresh(spatial=True)
    fn.lins[0] = head
    print('map', fn(a, b).mean().item(), tuple(fn(a, b).shape))
""",
)

SCRIPTS["hooks"] = (
    [],
    BEGIN
    + """
seen = []

def keep(name):
    def hook(module, inputs, output):
        seen.append((name, tuple(inputs[0].shape), tuple(output.shape), output.mean().item()))
    return hook

fn = fresh()
for name, module in fn.named_modules():
    if name.startswith(('scaling_layer', 'net.', 'lin0', 'lin3')):
        module.register_forward_hook(keep(name))
fn(a, b)
for line in seen:
    print(*line)
fn = fresh()
fn.lin1.register_forward_pre_hook(lambda module, inputs: (2 * inputs[0],))
fn.net.slice1.register_forward_hook(lambda module, inputs, output: 0.5 * output)
fn.scaling_layer.register_forward_hook(lambda module, inputs, output: 1.1 * output)
print(fn(a, b).item())
""",
)

SCRIPTS["slices and features"] = (
    [],
    BEGIN
    + """
for net in ('alex', 'squeeze'):
    fn = lpips.LPIPS(net=net, verbose=False)
    x = fn.scaling_layer(torch.cat([a, b]))
    for number in range(1, fn.net.N_slices + 1):
        x = getattr(fn.net, 'slice%d' % number)(x)
        print(net, number, tuple(x.shape), x.mean().item(), x.view(2, -1).norm(dim=1).tolist())
    for feature in fn.net(fn.scaling_layer(torch.cat([a, b]))):
        print(feature.view(2, -1).mean(1).tolist(), feature.is_contiguous())
    print(tuple(fn(a[:0], b[:0]).shape), tuple(fn(a[:0], b[:0], normalize=True).shape))
    print([name for name, _ in fn.named_modules()][:40])
extractor = torch.nn.Sequential(fresh().net.slice1, fresh().net.slice2)
print(extractor(a).mean().item())
""",
)

SCRIPTS["the files of heads"] = (
    [],
    BEGIN
    + """
from pathlib import Path

folder = Path(lpips.__file__).parent / 'weights'
for version in ('0.1', '0.0'):
    for net in ('alex', 'squeeze', 'vgg'):
        state = torch.load(folder / ('v%s' % version) / ('%s.pth' % net), map_location='cpu')
        print(version, net, *['%s %.9g' % (name, value.double().sum()) for name, value in state.items()])
print(fresh(model_path=str(folder / 'v0.0/alex.pth'))(a, b).item())
fn = lpips.LPIPS(net='alex', pretrained=False, verbose=False)
heads = torch.load(folder / 'v0.1/alex.pth', map_location='cpu')
print(fn.load_state_dict(heads, strict=False).unexpected_keys, fn(a, b).item())
""",
)

SCRIPTS["Trainer"] = (
    [],
    BEGIN
    + """
import os

for model in ('lpips', 'baseline'):
    trainer = lpips.Trainer()
    trainer.initialize(model=model, net='squeeze', use_gpu=False)
    print(trainer.name(), trainer.forward(a, b).item())
trainer = lpips.Trainer()
trainer.initialize(model='lpips', net='alex', use_gpu=False, is_train=True, lr=0.01)
for lin in trainer.net.lins:
    torch.nn.init.constant_(lin.model[1].weight, 0.1)
for number, parameter in enumerate(trainer.rankLoss.net.parameters()):
    torch.nn.init.constant_(parameter, 0.05 + 0.01 * number)
trainer.net.eval()
trainer.set_input({'ref': a, 'p0': b, 'p1': 0.9 * a, 'judge': torch.tensor([[[[0.8]]]])})
for step in range(3):
    trainer.optimize_parameters()
    print(*['%s %.7f' % (name, value) for name, value in trainer.get_current_errors().items()])
trainer.update_learning_rate(4)
trainer.save('.', 'latest')
print(sorted(name for name in os.listdir('.') if name.endswith('.pth') and 'latest' in name))
print(trainer.net.lins[0].model[1].weight.detach().flatten()[:4].tolist())
""",
)
