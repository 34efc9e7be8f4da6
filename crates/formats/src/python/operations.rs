//! Operations in PyTorch: as modules, and as expressions.

use rayclip_model::{Activation, Op, Slide};

use super::text::{Made, Segment, Symbol, Width};
use crate::ranks::Rank;

/// How the first input of an operation and its result are held.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) from: Rank,
    pub(super) to: Rank,
}

/// The channels of a module, and its stride, by name.
pub(super) struct Names {
    pub(super) input: Width,
    pub(super) output: Width,
    pub(super) stride: Symbol,
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expression {
    pub(super) text: String,
    /// Whether it is a sum or a product, which needs parentheses in another expression.
    pub(super) is_infix: bool,
}

impl Expression {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_infix: false }
    }

    fn infix(operator: &str, parts: &[Self]) -> Self {
        let parts: Vec<String> = parts.iter().map(Self::atom).collect();
        Self { text: parts.join(operator), is_infix: true }
    }

    /// Returns the text, in parentheses if it needs them.
    pub(super) fn atom(&self) -> String {
        if self.is_infix { format!("({})", self.text) } else { self.text.clone() }
    }

    /// Returns the value held in another way.
    pub(super) fn held(self, from: Rank, to: Rank) -> Self {
        match (from, to) {
            (Rank::Vector, Rank::Image) => Self::new(format!("{}[:, :, None, None]", self.atom())),
            (Rank::Image, Rank::Vector) => Self::new(format!("{}.flatten(1)", self.atom())),
            _ => self,
        }
    }
}

/// Returns the expression that makes the module of an operation; `None` if it has none, or if its module would not
/// compute the same.
pub(super) fn module(op: Op, place: Place, names: &Names) -> Option<Made> {
    let plain = |text: &str| Some(Made::plain(text));
    let is_symmetric = |slide: Slide| (sides(slide) != Sides::Each).then_some(());
    match op {
        Op::Linear { .. }
        | Op::Conv2d { .. }
        | Op::DepthwiseConv2d { .. }
        | Op::BatchNorm { .. }
        | Op::LayerNorm { .. }
        | Op::Dropout { .. } => Some(with_tensors(op, place, names)),
        Op::Activation(function) => match function {
            Activation::Relu => plain("nn.ReLU()"),
            Activation::Relu6 => plain("nn.ReLU6()"),
            Activation::LeakyRelu { slope } => plain(&format!("nn.LeakyReLU({slope:?})")),
            Activation::Gelu => plain("nn.GELU()"),
            Activation::Silu => plain("nn.SiLU()"),
            Activation::Sigmoid => plain("nn.Sigmoid()"),
            Activation::HardSwish => plain("nn.Hardswish()"),
            Activation::HardSigmoid => plain("nn.Hardsigmoid()"),
            Activation::Tanh => plain("nn.Tanh()"),
        },
        Op::MaxPool(slide) => {
            is_symmetric(slide)?;
            plain(&format!("nn.MaxPool2d({})", pool_arguments(slide)))
        }
        Op::AveragePool { slide, count_padding } => {
            is_symmetric(slide).filter(|()| slide.dilation == [1, 1])?;
            plain(&format!(
                "nn.AvgPool2d({}{})",
                pool_arguments(slide),
                counted(slide, count_padding)
            ))
        }
        Op::GlobalAveragePool => match (place.from, place.to) {
            (Rank::Image, Rank::Image) => plain("nn.AdaptiveAvgPool2d(1)"),
            (Rank::Image, Rank::Vector) => {
                plain("nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())")
            }
            _ => None,
        },
        Op::Flatten => plain("nn.Flatten()"),
        Op::Add | Op::Mul | Op::Concat => None,
    }
}

/// Returns whether a module computes an operation by itself, from one value to the next.
pub(super) fn is_whole(op: Op, place: Place) -> bool {
    let is_vector = place.from == Rank::Vector;
    match op {
        Op::Linear { .. } | Op::LayerNorm { .. } => is_vector,
        Op::Conv2d { slide, .. } | Op::DepthwiseConv2d { slide, .. } => sides(slide) != Sides::Each,
        _ => true,
    }
}

/// Returns the expression that makes a module with tensors, or a dropout.
fn with_tensors(op: Op, place: Place, names: &Names) -> Made {
    let Names { input, output, stride } = names;
    let plain = |text: String| Segment::Plain(text);
    let width = |width: &Width| Segment::Width(width.clone());
    let widths =
        |kind: &str| vec![plain(kind.to_owned()), width(input), plain(", ".into()), width(output)];
    let mut line = vec![];
    match op {
        Op::Linear { bias, .. } => {
            line.extend(widths("nn.Linear("));
            line.push(plain(end(bias)));
        }
        Op::Conv2d { slide, bias, .. } | Op::DepthwiseConv2d { slide, bias } => {
            line.extend(widths("nn.Conv2d("));
            line.push(plain(format!(", {}", pair(slide.kernel))));
            line.push(match slide.stride {
                [one, other] if one == other => Segment::Stride(stride.clone()),
                other => plain(format!(", stride={}", pair(other))),
            });
            let padding = match sides(slide) {
                Sides::Same(padding) => format!(", padding={}", pair(padding)),
                Sides::None | Sides::Each => String::new(),
            };
            line.push(plain(padding + &dilated(slide)));
            if matches!(op, Op::DepthwiseConv2d { .. }) {
                line.extend([plain(", groups=".into()), width(input)]);
            }
            line.push(plain(end(bias)));
        }
        Op::BatchNorm { epsilon, momentum } => {
            let kind = if place.from == Rank::Vector { "1d" } else { "2d" };
            let momentum = other_than(momentum, 0.1, "momentum");
            let numbers = other_than(epsilon, 1e-5, "eps") + &momentum + ")";
            line.extend([plain(format!("nn.BatchNorm{kind}(")), width(input), plain(numbers)]);
        }
        Op::LayerNorm { epsilon } => {
            let numbers = other_than(epsilon, 1e-5, "eps") + ")";
            line.extend([plain("nn.LayerNorm(".into()), width(input), plain(numbers)]);
        }
        Op::Dropout { probability } => line.push(plain(format!("nn.Dropout({probability:?})"))),
        _ => {}
    }
    Made::Line(line)
}

/// Returns the expression of an operation on values. `module` is its module, if it has one.
pub(super) fn expression(
    op: Op,
    place: Place,
    module: &str,
    values: Vec<Expression>,
) -> Expression {
    let called = |x: &str| Expression::new(format!("{module}({x})"));
    // Modules and functions of PyTorch read channels last here.
    let last = |x: String| format!("{module}({x}.movedim(1, -1)).movedim(-1, 1)");
    let first = values[0].clone();
    let x = &first.text;
    match op {
        Op::Linear { .. } | Op::LayerNorm { .. } if place.from == Rank::Image => {
            Expression::new(last(first.atom()))
        }
        Op::Linear { .. } | Op::LayerNorm { .. } | Op::BatchNorm { .. } | Op::Dropout { .. } => {
            called(x)
        }
        Op::Conv2d { slide, .. } | Op::DepthwiseConv2d { slide, .. } => match sides(slide) {
            Sides::Each => called(&padded(x, slide, "")),
            _ => called(x),
        },
        Op::Activation(function) => activation(x, function),
        Op::MaxPool(slide) => match sides(slide) {
            Sides::Each => {
                let padded = padded(x, slide, ", value=-torch.inf");
                let inside = Slide { padding: [0; 4], ..slide };
                Expression::new(format!("F.max_pool2d({padded}, {})", pool_arguments(inside)))
            }
            _ => Expression::new(format!("F.max_pool2d({x}, {})", pool_arguments(slide))),
        },
        Op::AveragePool { slide, count_padding } => average(x, slide, count_padding),
        Op::GlobalAveragePool => match (place.from, place.to) {
            (Rank::Image, Rank::Vector) => {
                Expression::new(format!("{}.mean((2, 3))", first.atom()))
            }
            (Rank::Image, Rank::Image) => {
                Expression::new(format!("{}.mean((2, 3), keepdim=True)", first.atom()))
            }
            (from, to) => first.held(from, to),
        },
        Op::Flatten => first.held(place.from, place.to),
        Op::Add => Expression::infix(" + ", &values),
        Op::Mul => Expression::infix(" * ", &values),
        Op::Concat => {
            let parts: Vec<String> = values.into_iter().map(|value| value.text).collect();
            Expression::new(format!("torch.cat(({}), 1)", parts.join(", ")))
        }
    }
}

/// Returns whether the expression of an operation names its input more than once.
pub(super) fn repeats(op: Op) -> bool {
    match op {
        Op::AveragePool { slide, count_padding } => {
            slide.dilation != [1, 1] || (sides(slide) == Sides::Each && !count_padding)
        }
        _ => false,
    }
}

fn activation(x: &str, function: Activation) -> Expression {
    Expression::new(match function {
        Activation::Relu => format!("F.relu({x})"),
        Activation::Relu6 => format!("F.relu6({x})"),
        Activation::LeakyRelu { slope } => format!("F.leaky_relu({x}, {slope:?})"),
        Activation::Gelu => format!("F.gelu({x})"),
        Activation::Silu => format!("F.silu({x})"),
        Activation::Sigmoid => format!("torch.sigmoid({x})"),
        Activation::HardSwish => format!("F.hardswish({x})"),
        Activation::HardSigmoid => format!("F.hardsigmoid({x})"),
        Activation::Tanh => format!("torch.tanh({x})"),
    })
}

fn average(x: &str, slide: Slide, count_padding: bool) -> Expression {
    let inside = Slide { padding: [0; 4], ..slide };
    let [height, width] = slide.kernel;
    if slide.dilation != [1, 1] {
        let weight =
            format!("{x}.new_full(({x}.shape[1], 1, {height}, {width}), 1 / {})", height * width);
        let stride = pair(slide.stride);
        return Expression::new(format!(
            "F.conv2d({x}, {weight}, stride={stride}{}, groups={x}.shape[1])",
            dilated(slide)
        ));
    }
    let mean = |x: &str, slide: Slide| {
        let counted = counted(slide, count_padding);
        format!("F.avg_pool2d({x}, {}{counted})", pool_arguments(slide))
    };
    match (sides(slide), count_padding) {
        (Sides::Each, true) => Expression::new(mean(&padded(x, slide, ""), inside)),
        (Sides::Each, false) => {
            // The part of a window that is inside the image.
            let ones = format!("torch.ones_like({x})");
            let parts = [x, &ones].map(|x| Expression::new(mean(&padded(x, slide, ""), inside)));
            Expression::infix(" / ", &parts)
        }
        _ => Expression::new(mean(x, slide)),
    }
}

/// How a window reaches beyond the sides of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sides {
    None,
    /// As far at both ends of an axis.
    Same([usize; 2]),
    Each,
}

fn sides(slide: Slide) -> Sides {
    match slide.padding {
        [0, 0, 0, 0] => Sides::None,
        [top, left, bottom, right] if top == bottom && left == right => Sides::Same([top, left]),
        _ => Sides::Each,
    }
}

fn padded(x: &str, slide: Slide, more: &str) -> String {
    let [top, left, bottom, right] = slide.padding;
    format!("F.pad({x}, ({left}, {right}, {top}, {bottom}){more})")
}

/// Returns the arguments of a pool. It moves by its own extents unless a stride is given.
fn pool_arguments(slide: Slide) -> String {
    let Slide { kernel, stride, .. } = slide;
    let stride =
        if stride == kernel { String::new() } else { format!(", stride={}", pair(stride)) };
    let padding = match sides(slide) {
        Sides::Same(padding) => format!(", padding={}", pair(padding)),
        Sides::None | Sides::Each => String::new(),
    };
    format!("{}{stride}{padding}{}", pair(kernel), dilated(slide))
}

fn counted(slide: Slide, count_padding: bool) -> &'static str {
    let is_padded = sides(slide) != Sides::None;
    if is_padded && !count_padding { ", count_include_pad=False" } else { "" }
}

fn dilated(slide: Slide) -> String {
    match slide.dilation {
        [1, 1] => String::new(),
        dilation => format!(", dilation={}", pair(dilation)),
    }
}

fn end(bias: bool) -> String {
    if bias { ")" } else { ", bias=False)" }.to_owned()
}

fn other_than(value: f64, usual: f64, name: &str) -> String {
    if value == usual { String::new() } else { format!(", {name}={value:?}") }
}

fn pair([one, other]: [usize; 2]) -> String {
    if one == other { one.to_string() } else { format!("({one}, {other})") }
}
