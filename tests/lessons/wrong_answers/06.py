def log_probability(model, ids):
    """Without the shift: each letter is judged by the logits at its own place."""
    with torch.no_grad():
        log_p = model(ids[None, :])[0].log_softmax(-1).numpy()
    return sum(log_p[t, ids[t]] for t in range(len(ids)))
