// Test accuracy after each clip as published: M. Süzen, Gibbs randomness-compression proposition: An
// efficient deep learning, arXiv:2505.23869, Table I. It is the LOWESS curve (frac 0.3, three passes) of
// one recorded run a method, not the accuracies themselves.
// Columns: sparsity, magnitude, random, dtc.
[
    [0.1016, 0.9638, 0.9637, 0.9663],
    [0.1914, 0.9675, 0.9669, 0.9687],
    [0.3477, 0.9735, 0.9723, 0.9728],
    [0.4141, 0.9745, 0.9736, 0.9735],
    [0.5254, 0.9740, 0.9747, 0.9732],
    [0.6172, 0.9730, 0.9748, 0.9732],
    [0.7520, 0.9718, 0.9719, 0.9705],
    [0.8594, 0.9560, 0.9588, 0.9609],
    [0.9121, 0.9324, 0.9399, 0.9463],
    [0.9219, 0.9234, 0.9341, 0.9423],
    [0.9297, 0.9144, 0.9292, 0.9371],
    [0.9512, 0.8703, 0.9157, 0.9153],
    [0.9707, 0.8293, 0.8834, 0.8717],
    [0.9785, 0.8138, 0.8673, 0.8500],
    [0.9824, 0.8060, 0.8589, 0.8391],
]
