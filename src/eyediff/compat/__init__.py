"""The names of older packages, for scripts that exist: `from eyediff.compat import lpips`. See docs/compat.md."""
