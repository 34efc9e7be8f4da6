//! The cases: sizes, peers and targets.

/// The inputs of a case, its peers, and the targets of the solver.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// `m x n x columns`; empty for the recorded rays.
    pub(super) size: &'static str,
    /// λ as a fraction of the largest `λ_max`; without it, λ is 0.3.
    pub(super) ratio: Option<&'static str>,
    /// The number of timings of the solver; their median counts.
    pub(super) repeats: u32,
    pub(super) peers: &'static [Peer],
    /// The most CPU seconds per problem.
    pub(super) cpu_seconds: Option<f64>,
}

pub(super) struct Peer {
    pub(super) name: &'static str,
    /// How many times faster than the peer the solver must be.
    pub(super) target: Option<f64>,
}

const fn peer(name: &'static str) -> Peer {
    Peer { name, target: None }
}

const fn against(name: &'static str, factor: f64) -> Peer {
    Peer { name, target: Some(factor) }
}

pub(super) const CASES: [Case; 8] = [
    Case {
        name: "recorded rays",
        size: "",
        ratio: None,
        repeats: 5,
        peers: &[against("cvxpy_scs", 30.0), against("lars_path", 5.0), peer("clarabel")],
        cpu_seconds: None,
    },
    Case {
        name: "512×51, 1 column",
        size: "512x51x1",
        ratio: None,
        repeats: 9,
        peers: &[against("lars_path", 5.0), peer("numpy_ssnal")],
        cpu_seconds: None,
    },
    Case {
        name: "512×51, 64 columns",
        size: "512x51x64",
        ratio: None,
        repeats: 5,
        peers: &[against("lars_path", 10.0)],
        cpu_seconds: None,
    },
    Case {
        name: "512×51, 1024 columns",
        size: "512x51x1024",
        ratio: None,
        repeats: 3,
        peers: &[against("lars_path", 10.0)],
        cpu_seconds: None,
    },
    Case {
        name: "512×256, 64 columns",
        size: "512x256x64",
        ratio: None,
        repeats: 3,
        peers: &[
            against("lars_path", 5.0),
            against("scs", 5.0),
            against("scs_tight", 5.0),
            against("clarabel", 5.0),
            peer("numpy_ssnal"),
        ],
        cpu_seconds: None,
    },
    Case {
        name: "2000×300, 8 columns, λ = 0.1 λmax",
        size: "2000x300x8",
        ratio: Some("0.1"),
        repeats: 9,
        peers: &[against("celer", 1.5), peer("sklearn_cd"), peer("lars_path")],
        cpu_seconds: None,
    },
    Case {
        name: "4096×409, 8 columns",
        size: "4096x409x8",
        ratio: None,
        repeats: 3,
        peers: &[against("scs", 10.0), against("numpy_ssnal", 2.0), peer("lars_path")],
        cpu_seconds: Some(0.5),
    },
    Case {
        name: "16384×1638, 2 columns",
        size: "16384x1638x2",
        ratio: None,
        repeats: 1,
        peers: &[against("lars_path", 2.0)],
        cpu_seconds: None,
    },
];
