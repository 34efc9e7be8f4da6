//! The examples at the end of the help of each command. A test parses them.

pub(crate) const RAYCLIP: &str = "\
Examples:
  rayclip
  rayclip compare --methods dtc,magnitude --seeds 0..3
  rayclip report runs/digits-compare-corrected";

pub(crate) const RUN: &str = "\
Examples:
  rayclip run --method dtc --seed 3
  rayclip run --data mnist --hidden 512,256 --validation 0.1
  rayclip run --set training.learning_rate=0.002 --out runs/faster
  rayclip run --config runs/faster/config.toml --seed 4 --quiet";

pub(crate) const COMPARE: &str = "\
Examples:
  rayclip compare --methods dtc,scratch --seeds 0..10 --baseline scratch
  rayclip compare runs/a runs/b --baseline dtc
  rayclip compare --methods dtc,dtc-coefficient --seeds 0..5 --json";

pub(crate) const SWEEP: &str = "\
Examples:
  rayclip sweep assets/sweeps/questions.toml --methods dtc --seeds 0..3
  rayclip sweep grid.toml --at 60 --out runs/sweep";

pub(crate) const REPRODUCE: &str = "\
Examples:
  rayclip reproduce --seeds 0..5
  rayclip reproduce --data folder-of-idx-files --recorded folder-of-the-author";

pub(crate) const REPORT: &str = "\
Examples:
  rayclip report runs/a
  rayclip report runs/a runs/b --baseline dtc --out page";

pub(crate) const PICK: &str = "\
Examples:
  rayclip pick runs/a --accuracy 0.98
  rayclip pick runs/a --max-drop 0.01 --method dtc --out small.safetensors
  rayclip pick runs/a --neurons 57 --seed 0 --json";

pub(crate) const EXPORT: &str = "\
Examples:
  rayclip export runs/a --method dtc --seed 0 --to onnx --out small.onnx
  rayclip export small.safetensors --to pytorch --out small
  rayclip export weights.pt --graph net.toml --to onnx --out net.onnx
  rayclip export runs/a --to onnx --out a.onnx --verify --data digits";
pub(crate) const EVAL: &str = "\
Examples:
  rayclip eval runs/a
  rayclip eval small.safetensors --data digits --json
  rayclip eval runs/b --replica dtc_seed_0 --split train --device wgpu
  rayclip eval small.safetensors --data photos --resize 32x32 --latency-images 8";

pub(crate) const COMPRESS: &str = "\
Examples:
  rayclip compress net.onnx --data photos --target-macs 0.5 --save small.onnx
  rayclip compress net.pt --graph net.toml --data mnist --max-drop 0.005
  rayclip compress net.onnx --data photos --target-latency 4 --distill 0.5";

pub(crate) const PREDICT: &str = "\
Examples:
  rayclip predict small.safetensors cat.jpg dog.png
  rayclip predict runs/b --method dtc --seed 0 cat.jpg --top 3
  rayclip predict small.safetensors images.npy --json";

pub(crate) const WATCH: &str = "\
Examples:
  rayclip watch runs/a
  rayclip watch runs/a --once";

pub(crate) const RESUME: &str = "\
Examples:
  rayclip resume runs/a
  rayclip resume runs/a --on-divergence freeze";

pub(crate) const VERIFY_RESUME: &str = "\
Examples:
  rayclip verify-resume
  rayclip verify-resume --kills 5 --methods dtc,scratch --device flex";

pub(crate) const SOLVE: &str = "\
Examples:
  rayclip solve problem.safetensors --lambda 0.3
  rayclip solve A.npy y.npy --lambda-ratio 0.1 --out x.safetensors
  rayclip solve problem.safetensors --lambda 0.3 --check x.safetensors";

pub(crate) const BENCH_SOLVER: &str = "\
Examples:
  rayclip bench solver --sizes 512x51x64
  rayclip bench solver --sizes 512x51x2,4096x409x8 --compare";

pub(crate) const BENCH_TRAIN: &str = "\
Examples:
  rayclip bench train
  rayclip bench train --networks mlp-512,resnet20 --replicas 1,8";

pub(crate) const BENCH_CYCLE: &str = "\
Examples:
  rayclip bench cycle
  rayclip bench cycle --networks mlp-512 --replicas 64 --device wgpu --json";

pub(crate) const BENCH_ALL: &str = "\
Examples:
  rayclip bench all
  rayclip bench all --device wgpu --json card.json";

pub(crate) const CLIP: &str = "\
Examples:
  rayclip clip network.onnx --keep 0.75 --out small.onnx
  rayclip clip network.onnx --target-macs 0.5 --round-to 8 --out small.onnx
  rayclip clip network.onnx --keep 0.5 --groups 'layer1.*' --out small.onnx";

pub(crate) const INSPECT: &str = "\
Examples:
  rayclip inspect resnet20
  rayclip inspect lenet5 --input 28x28
  rayclip inspect my-network.toml --dot > my-network.dot";

pub(crate) const DEVICES: &str = "\
Examples:
  rayclip devices
  rayclip run --device wgpu";

pub(crate) const COMPLETIONS: &str = "\
Examples (the folder of the completions depends on the system):
  rayclip completions bash > ~/.local/share/bash-completion/completions/rayclip
  rayclip completions zsh > ~/.zfunc/_rayclip
  rayclip completions fish > ~/.config/fish/completions/rayclip.fish
  rayclip completions powershell >> $PROFILE";

pub(crate) const MAN: &str = "\
Examples:
  rayclip man > rayclip.1
  rayclip man run > rayclip-run.1
  rayclip man bench solver > rayclip-bench-solver.1";
