"""The till: what benefits give on an order, kept, made final and given back."""
