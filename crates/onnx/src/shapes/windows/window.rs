//! How many windows an axis has.

use crate::proto::Node;
use crate::shapes::Dim;
use crate::shapes::symbols::Symbols;

/// How the input is padded.
#[derive(Clone, Copy, PartialEq)]
enum Padding {
    /// By numbers.
    Explicit,
    /// So that the output has as many entries as the input, or a stride less.
    Same,
}

/// The windows over an input, along every spatial axis.
pub(super) struct Windows {
    axes: Vec<Window>,
    padding: Padding,
    rounds_up: bool,
}

struct Window {
    /// The entries from the first to the last that a window reads; `None` if the kernel is not known.
    span: Option<i64>,
    stride: i64,
    before: i64,
    after: i64,
}

impl Windows {
    /// Reads the attributes; `None` if they contradict each other.
    pub(super) fn of(node: &Node, kernel: &[Dim]) -> Option<Self> {
        let axes = kernel.len();
        let strides = list(node, "strides", axes, 1)?;
        let dilations = list(node, "dilations", axes, 1)?;
        let (padding, pads) = match node.string("auto_pad").unwrap_or("NOTSET") {
            "NOTSET" | "" => (Padding::Explicit, list(node, "pads", 2 * axes, 0)?),
            "VALID" => (Padding::Explicit, vec![0; 2 * axes]),
            "SAME_UPPER" | "SAME_LOWER" => (Padding::Same, vec![0; 2 * axes]),
            _ => return None,
        };
        let window = |axis: usize| {
            let span = match kernel[axis] {
                Dim::Known(0) | Dim::Symbol(_) => None,
                Dim::Known(kernel) => {
                    let steps = i64::try_from(kernel - 1).ok();
                    steps.and_then(|steps| steps.checked_mul(dilations[axis])?.checked_add(1))
                }
            };
            let (before, after) = (pads[axis], pads[axes + axis]);
            (strides[axis] > 0 && dilations[axis] > 0).then_some(Window {
                span,
                stride: strides[axis],
                before,
                after,
            })
        };
        let axes = (0..axes).map(window).collect::<Option<Vec<Window>>>()?;
        Some(Self { axes, padding, rounds_up: node.int("ceil_mode") == Some(1) })
    }

    /// Returns the extents of the output; new symbols if the attributes are for other axes.
    pub(super) fn extents(&self, spatial: &[Dim], symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
        if self.axes.len() != spatial.len() {
            return symbols.several(spatial.len());
        }
        let axes = self.axes.iter().zip(spatial);
        axes.map(|(window, dim)| window.extent(*dim, self, symbols)).collect()
    }

    /// Returns the extents of the output of the transpose.
    pub(super) fn transposed(
        &self,
        node: &Node,
        spatial: &[Dim],
        symbols: &mut Symbols<'_>,
    ) -> Option<Vec<Dim>> {
        let more = list(node, "output_padding", spatial.len(), 0)?;
        let extent = |((window, dim), more): ((&Window, &Dim), &i64)| {
            let stride = Dim::Known(usize::try_from(window.stride).ok()?);
            if self.padding == Padding::Same {
                return symbols.multiply(&[*dim, stride]);
            }
            // The last window begins at `stride · (extent − 1)`.
            let rest = window.span?.checked_add(*more)?.checked_sub(window.stride)?;
            let rest = rest.checked_sub(window.before)?.checked_sub(window.after)?;
            let begins = symbols.multiply(&[*dim, stride])?;
            symbols.moved(begins, rest)
        };
        self.axes.iter().zip(spatial).zip(&more).map(extent).collect()
    }
}

impl Window {
    /// Returns the number of windows.
    fn extent(&self, dim: Dim, all: &Windows, symbols: &mut Symbols<'_>) -> Option<Dim> {
        let (slack, round_up) = match (all.padding, self.span) {
            (Padding::Same, _) => (0, true),
            (Padding::Explicit, Some(span)) => {
                let pads = self.before.checked_add(self.after)?;
                // One window and what can be stepped over: `(extent + pads − span) / stride + 1`.
                (pads.checked_sub(span)?.checked_add(self.stride)?, all.rounds_up)
            }
            (Padding::Explicit, None) => return symbols.fresh(),
        };
        match dim {
            Dim::Known(extent) => {
                let room = i64::try_from(extent).ok()?.checked_add(slack)?;
                self.count(room, extent, round_up, all.padding)
            }
            _ if self.stride == 1 && slack == 0 => Some(dim),
            Dim::Symbol(symbol) => {
                // Where windows are rounded up, the padding before decides about the last one.
                let rounding = if round_up { self.before } else { i64::MIN };
                symbols.computed("windows", vec![i64::from(symbol), slack, self.stride, rounding])
            }
        }
    }

    fn count(&self, room: i64, extent: usize, round_up: bool, padding: Padding) -> Option<Dim> {
        if !round_up {
            return usize::try_from(room).ok().map(|room| Dim::Known(room / self.stride as usize));
        }
        let mut count = room.checked_add(self.stride - 1)?.div_euclid(self.stride);
        // The last window begins in the input or in the padding before it.
        let input = i64::try_from(extent).ok()?.checked_add(self.before)?;
        if padding == Padding::Explicit && (count - 1).checked_mul(self.stride)? >= input {
            count -= 1;
        }
        usize::try_from(count).ok().map(Dim::Known)
    }
}

/// Returns a list with a number for every axis; `None` if it has another length.
fn list(node: &Node, name: &str, length: usize, default: i64) -> Option<Vec<i64>> {
    match node.ints(name) {
        None | Some([]) => Some(vec![default; length]),
        Some(list) => (list.len() == length).then(|| list.to_vec()),
    }
}
