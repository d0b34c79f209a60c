"""What the paper contains, and which tests of other folders check it.

ENTRIES: one line for each definition, theorem, remark, example, algorithm and formula of Baptista,
Birmpa, Katsoulakis, Rey-Bellet and Zhang, Proximal optimal transport divergences, that can be
computed, for each divergence, for the systems of three related papers, and for each misprint.
Tests register with `@pytest.mark.paper(entry, computed, against)`; ELSEWHERE holds those whose
files have no marks: (entry, file::test, computed, against).
"""

ENTRIES = {
    "Definition 2.1": "D = inf_R { T_c(P, R) + ε D(R‖Q) }, (2.3), (2.4)",
    "Example 2.2": "W₁ with f, W_p with KL, W₂ with a Lipschitz-regularised f",
    "Theorem 2.3": "D ≥ 0, zero for P = Q alone; convex and lower semicontinuous in (P, Q)",
    "Theorem 2.4": "D ≤ min{T_c(P, Q), ε D(P‖Q)} (2.10); a unique minimiser R (2.11)",
    "Definition 2.5": "the transport proximal operator P ↦ R (2.12), (2.13)",
    "Remark 2.6": "transport and re-weighting: R ≪ Q whatever P is",
    "Remark 2.7": "JKO steps are the proximal operator with ε = 2τ (2.14), (2.15)",
    "Theorem 2.8": "D/ε ↗ D(P‖Q) as ε ↘ 0 (2.16), D ↗ T_c(P, Q) as ε ↗ ∞ (2.17)",
    "Theorem 2.9": "the dynamic form (2.20), (2.23)",
    "(2.26)": "another horizon T",
    "Remark 2.10": "large horizons reach the target (2.27)",
    "Remark 2.11": "the mean-field game (2.28)",
    "(3.2)": "Kantorovich duality",
    "(3.5)": "the Donsker–Varadhan formula",
    "(3.6)": "the Gibbs variational principle, attained at (3.7)",
    "Theorem 3.1": "duality (3.8)",
    "Example 3.2": "Lipschitz-regularised f-divergences",
    "Theorem 3.3": "the optimisers, (3.9) and (3.10); uniqueness",
    "(3.13)": "the optimal map from the potential",
    "Remark 3.4": "a JKO step is a Gibbs density (3.14)",
    "Theorem 3.5": "invariance under isometries (3.15)",
    "Theorem 3.6": "data processing inequality (3.16), (3.17)",
    "Theorem 3.7": "additivity over products (3.18)",
    "Theorem 4.1": "the first variation is φ̂, (4.1)–(4.3)",
    "Remark 4.2": "differentiable where ρ ≪ P, else from one side",
    "section 4, ∇_θ": "gradients in the parameters of P",
    "(5.1)–(5.4)": "empirical P and Q: primal, dual, weights",
    "(5.5)": "the dual over convex potentials",
    "(5.6)": "the Legendre transform as a supremum",
    "section 5.3, (5.7)": "optimal-transport flows: samples through the solved flow",
    "section 5.4, (5.8)": "conditional sampling: a flow in x only",
    "(6.1), (6.2)": "the gradient flow of D",
    "(6.3), (6.4)": "its particles",
    "(6.5)–(6.7)": "probability flow and score",
    "Theorem F.1": "Gaussians on the line (F.1)–(F.3)",
    "Theorem F.2": "Gaussians with covariances that commute (F.11)",
    "Figures 1, 2": "R for several ε",
    "Houdard et al.": "semi-discrete gradient in the points, and where it does not exist",
    "Bousquet et al.": "penalised optimal transport",
    "Gu et al.": "W₁ ⊕ W₂ proximals: |∇U₁| ≤ εL",
    "f = kl": "t log t",
    "f = reverse-kl": "−log t",
    "f = pearson": "(t − 1)²",
    "f = neyman": "(t − 1)²/t",
    "f = hellinger": "(√t − 1)²",
    "f = jensen-shannon": "½[t log t − (t + 1) log((t + 1)/2)]",
    "f = alpha": "(t^α − αt + α − 1)/(α(α − 1))",
    "misprint (F.11), root": "(Σ₁ + 2ε(I + ε/2 Σ₂⁻¹)⁻¹)^{1/2}: the factor is not inverted",
    "misprint (F.11), mean": "μ₂ and a dangling +: m₂",
    "misprint (F.5)": "ε(m_R − m₂)²/σ₂²: ε(m_R − m₂)²/(2σ₂²)",
    "misprint before (F.10)": "E_Q e^{−ψ/ε} = ε ln(σ_R/σ₂): σ_R/σ₂",
    "misprint Theorem 3.7": "‖x − y‖^p: Σ|x_i − y_i|^p, or p = 2",
    "misprint (6.4)": "(1/N)Σ over M particles: (1/M)Σ",
    "misprint (5.4)": "w_j ∝ e^{−ψ_j/ε}: w_j ∝ b_j e^{−ψ_j/ε}",
    "misprint (5.1), (5.2)": "R sums over i ≤ N, π1_N = a: j ≤ M, π1_M = a, πᵀ1_N = w",
    "misprint (2.28)": "ε = 2/T for |v|²/2 on [0, T]: ε = 2T",
    "misprint (2.26)": "factor 1/T²: T^{p−1} in front of ∫E|v|^p",
    "misprint (2.14)": "∂_tρ = −div(ρ∇δE/δρ): +div, as in (6.1)",
    "misprint (2.15), (3.14)": "prefactors 1/(2τ) and 2τ: none",
    "misprint (5.7), (5.8)": "value D_{2T}: D_{2T}/(2T), in (5.8) at least that",
    "misprint above (5.6)": "e^{−φ̃*}: e^{+φ̃*/ε}",
    "misprint proof of F.1": "restricted primal a lower bound, dual an upper one: the other way",
    "misprint Theorem 2.8": "both increase, read as functions of ε: D/ε decreases, D increases",
}

LINE_TABLE = "tests/solvers/test_divergence_table.py"
REFERENCE = "the reference on the line, 512 cells, relative"
TABLE = [
    (f"f = {name.partition('(')[0]}", f"{LINE_TABLE}::test_{solver}[{name}]", f"D, {title}{more}")
    for name, more in [
        ("kl", ""), ("reverse-kl", ""), ("pearson", ""), ("neyman", ""), ("hellinger", ""),
        ("jensen-shannon", ""), ("alpha(1.5)", ", α = 1.5"), ("alpha(3.0)", ", α = 3"),
        ("alpha(-0.5)", ", α = −½"),
    ]
    for solver, title in [
        ("back_and_forth", "back-and-forth"), ("primal_dual", "primal-dual"),
        ("fictitious_play", "fictitious play"),
    ]
]  # fmt: skip

ELSEWHERE = [
    *((entry, test, computed, REFERENCE) for entry, test, computed in TABLE),
    (
        "Remark 2.7",
        "tests/test_flows.py::test_jko_follows_the_exact_recursion",
        "mean and covariance after every step, plane, τ = 0.05",
        "the recursion of the Gaussian closed form",
    ),
    (
        "Remark 2.7",
        "tests/test_flows.py::test_jko_is_of_first_order_against_ornstein_uhlenbeck",
        "mean and variance at t = 1, τ = 1/5 to 1/20",
        "Ornstein–Uhlenbeck, with order 1 in τ",
    ),
    (
        "(6.1), (6.2)",
        "tests/test_flows.py::test_gradient_flow_follows_the_ordinary_differential_equations",
        "mean and covariance at t = 1, plane",
        "ordinary differential equations of the Gaussian moments",
    ),
    (
        "(5.1)–(5.4)",
        "tests/test_points.py::test_a_general_convex_solver_agrees",
        "D of two clouds, any cost",
        "sequential quadratic programming on the plan",
    ),
    (
        "(5.1)–(5.4)",
        "tests/test_points.py::test_every_f_against_a_general_solver",
        "D of two clouds, every f",
        "a general convex solver",
    ),
    (
        "section 5.4, (5.8)",
        "tests/test_conditional.py::test_gaussians_have_the_closed_form_of_their_slices",
        "D, R and the path of a flow in x only",
        "the closed form of each slice",
    ),
    (
        "section 5.4, (5.8)",
        "tests/test_conditional_posteriors.py::test_posteriors_of_a_bayesian_inverse_problem",
        "posteriors by the flow, ε large, nonlinear forward model",
        "the exact posteriors, total variation",
    ),
    (
        "Figures 1, 2",
        "tests/test_sweep_limits.py::test_limits_of_gaussians_on_the_line",
        "the two limits that a sweep draws",
        "KL and W₂² in closed form",
    ),
    (
        "Houdard et al.",
        "tests/solvers/test_semi_discrete_cloud.py::test_gradients_are_those_of_the_value",
        "∂D/∂y_j of a density and a cloud, KL and Pearson",
        "central differences of D in the points",
    ),
    (
        "Houdard et al.",
        "tests/test_points_kinks.py::test_masses_both_regularisations_have_a_gradient",
        "slopes from both sides at a kink in the masses: plain, entropic, proximal",
        "plain: ±4; the others: none",
    ),
    (
        "Houdard et al.",
        "tests/test_points_kinks.py::test_swap_closed_form_and_no_repair_by_the_divergence",
        "D where the plan, not R, jumps: a kink that D keeps and entropy smooths",
        "closed forms",
    ),
    (
        "Bousquet et al.",
        "tests/solvers/test_generator.py::test_fit_is_stationary_and_a_richer_generator_is_closer",
        "a generator G(z) fitted to a density by penalised transport",
        "the value at other parameters; the mean of P",
    ),
    (
        "Gu et al.",
        "tests/solvers/test_lipschitz.py::test_the_line_against_the_convex_program",
        "D, R and |∇U_t| on the line",
        "a convex program",
    ),
    (
        "Gu et al.",
        "tests/solvers/test_lipschitz.py::test_thin_supports_in_the_plane",
        "Q on a circle and of three points: converges, |∇U₁| ≤ εL",
        "the limit of the slope",
    ),
]
