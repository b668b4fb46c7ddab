"""Scripts as people write them for `lpips` 0.1.4: ten in the manner of its own repository and of those that use it.

Each is a name, its arguments and its text. They find pictures in `imgs`, and in `dir0` and `dir1`, which share two
names.
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
