"""All steps at once: a study, and no engine of the product (JAX).

    python -m studies.parallel --variants lstm_c6,indrnn --steps 256,4096 --units 8

A cell with a pointwise recurrence is s_t = F_t(s_{t-1}), with s = h, or (h, c) if the
output gate is computed, or c if h_t = o g(c_t) follows from it. The loop over steps is
then a triangular system of equations for all s_t, which Newton's method solves: each
step of it solves delta_t = J_t delta_{t-1} + F_t(s_{t-1}) - s_t by an associative scan
in O(log T) levels (arXiv 2309.12252), with blocks J_t of 1 x 1 or 2 x 2 for each unit.
A Newton step that does not lower the largest residual is halved; arXiv 2407.19115 says
why a whole step may overshoot. The backward pass is one such system, transposed and
linear: one scan solves it.

On a CPU, with B = 1 and T up to 16,384, Newton steps are slower than the loop, except
for LSTM_C6 with few units, and the linear system of the gradients is solved no faster
in parallel than step by step. At such small sizes it does help to leave nothing but
that system inside the reverse loop. No GPU was measured.
"""
