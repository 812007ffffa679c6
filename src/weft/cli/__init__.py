"""The `weft` command: one module per verb; `main` finds the verb, `options` reads its options."""
