"""where to look: one mechanism a file, features in, AttentionOutput out. Not here: how features were made, or what is learned from them."""
