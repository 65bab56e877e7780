"""Published baselines on any backbone, with the types of regard's own attention.

CBAM, ABN and ViT-IB are attention at a layer. GAP and Learn to Pay Attention tap layers and replace the network's
classifier. ``regard.models.mechanism`` lists them by name.
"""
