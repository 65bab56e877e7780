"""what to see with: attach to any timm or torchvision network; the paper's CIFAR VGG and WRN. Not here: attention mechanisms."""
