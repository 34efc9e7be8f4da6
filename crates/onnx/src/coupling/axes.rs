//! Axes of channels, and which of them are one: a union–find.
//!
//! A tensor of the file makes an axis (the rows of a weight that makes channels). Along a dimension of a value lie
//! *pieces*: axes side by side, each with its span. If two values are combined, their pieces must be the same, so
//! their axes are united. Where a piece of one value meets two pieces of the other, the longer axis is cut in two:
//! this is noted ([`Cuts`]), and the trace begins again with the axes cut.

use std::collections::{BTreeMap, BTreeSet};

use super::Reason;

/// A dimension of a tensor of the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    pub(crate) tensor: String,
    pub(crate) dimension: usize,
}

/// Positions at which the axes of a dimension are cut.
pub(crate) type Cuts = BTreeMap<Origin, BTreeSet<usize>>;

/// The positions of channels along a dimension: channel `c` of repeat `r` takes the `block` positions from
/// `offset + r · stride + c · block`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The position of channel 0 in the first repeat.
    pub offset: usize,
    /// Positions of a channel, side by side: those of an image that was flattened.
    pub block: usize,
    /// The number of repeats.
    pub repeat: usize,
    /// The distance between repeats; 0 if there is only one.
    pub stride: usize,
}

/// An axis and its span along a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) axis: usize,
    pub(crate) span: Span,
}

/// What lies along a dimension of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Along {
    /// Axes side by side, which fill the dimension.
    Channels(Vec<Piece>),
    /// Nothing that can be clipped.
    Fixed(Reason),
}

/// The axes of a graph.
#[derive(Default)]
pub(crate) struct Axes {
    widths: Vec<usize>,
    /// The place in a tensor of the file that an axis was made for.
    origins: Vec<Option<(Origin, usize)>>,
    /// The parent of each axis in the union–find: an earlier axis of the same group. The first axis of a group is
    /// its own parent.
    parents: Vec<usize>,
    /// Why an axis cannot be clipped. Only the entry of the first axis of a group counts.
    fixed: Vec<Option<Reason>>,
    /// Positions at which axes must be cut, found so far.
    cuts: Cuts,
}

impl Span {
    /// Returns the span of channels that lie side by side.
    pub(crate) const fn once(offset: usize) -> Self {
        Self { offset, block: 1, repeat: 1, stride: 0 }
    }

    /// Returns the first position of a channel in every repeat.
    pub(crate) fn starts(self, channel: usize) -> impl Iterator<Item = usize> {
        (0..self.repeat)
            .map(move |repeat| self.offset + repeat * self.stride + channel * self.block)
    }

    /// Returns the span in a dimension of which every position became `inner` positions, after `outer` repeats of the
    /// whole, which has `extent` positions. `None` if no span describes that.
    fn within(self, outer: usize, extent: usize, inner: usize) -> Option<Self> {
        let whole = extent.checked_mul(inner)?;
        let inside = Self {
            offset: self.offset * inner,
            block: self.block * inner,
            stride: self.stride * inner,
            ..self
        };
        match (outer, self.repeat) {
            (1, _) => Some(inside),
            (_, 1) => Some(Self { repeat: outer, stride: whole, ..inside }),
            // Repeats of repeats are at equal distances.
            _ if inside.stride * self.repeat == whole => {
                Some(Self { repeat: outer.checked_mul(self.repeat)?, ..inside })
            }
            _ => None,
        }
    }
}

impl Axes {
    /// Creates axes that are cut later, where `cuts` says.
    pub(crate) fn with_cuts(cuts: Cuts) -> Self {
        Self { cuts, ..Self::default() }
    }

    /// Returns all cuts: those that the trace began with, and those that it found.
    pub(crate) fn into_cuts(self) -> Cuts {
        self.cuts
    }

    /// Returns the cuts so far.
    pub(crate) fn cuts(&self) -> &Cuts {
        &self.cuts
    }

    fn make(&mut self, width: usize, origin: Option<(Origin, usize)>) -> usize {
        let axis = self.widths.len();
        self.widths.push(width);
        self.origins.push(origin);
        self.parents.push(axis);
        self.fixed.push(None);
        axis
    }

    /// Makes the axes of a dimension of a tensor, cut where they must be.
    pub(crate) fn of_tensor(&mut self, origin: &Origin, extent: usize) -> Vec<Piece> {
        let cuts = self.cuts.get(origin).cloned().unwrap_or_default();
        let starts =
            std::iter::once(0).chain(cuts.into_iter().filter(|cut| (1..extent).contains(cut)));
        let starts: Vec<usize> = starts.collect();
        let ends = starts[1..].iter().copied().chain([extent]).collect::<Vec<_>>();
        let piece = |(start, end): (&usize, usize)| {
            let axis = self.make(end - start, Some((origin.clone(), *start)));
            Piece { axis, span: Span::once(*start) }
        };
        starts.iter().zip(ends).map(piece).collect()
    }

    /// Makes an axis that cannot be clipped.
    pub(crate) fn make_fixed(&mut self, width: usize, reason: Reason) -> Vec<Piece> {
        let axis = self.make(width, None);
        self.fix(axis, reason);
        vec![Piece { axis, span: Span::once(0) }]
    }

    /// Returns the number of axes.
    pub(crate) fn len(&self) -> usize {
        self.widths.len()
    }

    pub(crate) fn width(&self, axis: usize) -> usize {
        self.widths[axis]
    }

    /// Returns the first axis of the group of an axis.
    pub(crate) fn first(&mut self, mut axis: usize) -> usize {
        while self.parents[axis] != axis {
            // Path halving: the next walk is shorter.
            self.parents[axis] = self.parents[self.parents[axis]];
            axis = self.parents[axis];
        }
        axis
    }

    /// Returns why a group cannot be clipped.
    pub(crate) fn reason(&mut self, axis: usize) -> Option<&Reason> {
        let first = self.first(axis);
        self.fixed[first].as_ref()
    }

    fn unite(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        let (first, second) = (one.min(other), one.max(other));
        if first == second {
            return;
        }
        self.parents[second] = first;
        if let Some(reason) = self.fixed[second].take() {
            self.fix(first, reason);
        }
    }

    /// Fixes a group. The first reason is kept.
    pub(crate) fn fix(&mut self, axis: usize, reason: Reason) {
        let first = self.first(axis);
        self.fixed[first].get_or_insert(reason);
    }

    /// Fixes everything along a dimension.
    pub(crate) fn fix_along(&mut self, along: &Along, reason: &Reason) {
        if let Along::Channels(pieces) = along {
            for piece in pieces {
                self.fix(piece.axis, reason.clone());
            }
        }
    }

    /// Notes that an axis must be cut after some channels. Returns whether it can be: it was made for a tensor.
    fn cut(&mut self, axis: usize, channels: usize) -> bool {
        match &self.origins[axis] {
            Some((origin, start)) => {
                self.cuts.entry(origin.clone()).or_default().insert(start + channels);
                true
            }
            None => false,
        }
    }

    /// Unites what lies along two dimensions that are combined number by number. What has no counterpart is fixed.
    pub(crate) fn combine(&mut self, one: &Along, other: &Along, misaligned: &Reason) {
        match (one, other) {
            (Along::Channels(ones), Along::Channels(others)) => {
                self.combine_pieces(ones, others, misaligned);
            }
            (channels @ Along::Channels(_), Along::Fixed(reason))
            | (Along::Fixed(reason), channels @ Along::Channels(_)) => {
                self.fix_along(channels, &reason.clone());
            }
            (Along::Fixed(_), Along::Fixed(_)) => {}
        }
    }

    fn combine_pieces(&mut self, ones: &[Piece], others: &[Piece], misaligned: &Reason) {
        let (mut ones, mut others) = (ones.iter().peekable(), others.iter().peekable());
        let mut alone = Vec::new();
        while let (Some(one), Some(other)) = (ones.peek(), others.peek()) {
            let (width, of_other) = (self.widths[one.axis], self.widths[other.axis]);
            if one.span == other.span {
                if width == of_other {
                    self.unite(one.axis, other.axis);
                } else {
                    // The longer one is cut, and the trace begins again.
                    let (long, short) =
                        if width > of_other { (one, of_other) } else { (other, width) };
                    if !self.cut(long.axis, short) {
                        alone.extend([*one, *other]);
                    }
                }
                // After a cut, the rest of the longer one is compared in the next trace.
                ones.next();
                others.next();
                continue;
            }
            let (at_one, at_other) = (one.span.offset, other.span.offset);
            if at_one <= at_other {
                alone.extend(ones.next());
            }
            if at_other <= at_one {
                alone.extend(others.next());
            }
        }
        for piece in alone.into_iter().chain(ones).chain(others) {
            self.fix(piece.axis, misaligned.clone());
        }
    }

    /// Returns what lies along positions `from..to`. If an end is within an axis, this axis must be cut; until then,
    /// the positions count as fixed.
    pub(crate) fn slice(
        &mut self,
        along: &Along,
        from: usize,
        to: usize,
        reason: &Reason,
    ) -> Along {
        let Along::Channels(pieces) = along else { return along.clone() };
        let mut inside = Vec::new();
        let mut is_whole = true;
        for piece in pieces {
            let Span { offset, block, repeat, stride } = piece.span;
            let (width, end) = (self.widths[piece.axis], offset + self.widths[piece.axis] * block);
            let last = end + (repeat - 1) * stride;
            if last <= from || offset >= to {
                continue;
            }
            if from <= offset && last <= to {
                inside.push(Piece { span: Span { offset: offset - from, ..piece.span }, ..*piece });
                continue;
            }
            is_whole = false;
            for position in [from, to] {
                let channel = position.saturating_sub(offset) / block;
                let is_between =
                    position > offset && position < end && (position - offset) % block == 0;
                let is_within_a_channel =
                    repeat > 1 || (position > offset && position < end && !is_between);
                let is_boundary = !is_within_a_channel && is_between && channel < width;
                if is_within_a_channel || (is_boundary && !self.cut(piece.axis, channel)) {
                    self.fix(piece.axis, reason.clone());
                }
            }
        }
        if is_whole { Along::Channels(inside) } else { Along::Fixed(reason.clone()) }
    }
}

impl Along {
    /// Returns the pieces of a dimension whose every position became `inner` positions, after `outer` repeats of the
    /// whole, which has `extent` positions; `None` if no span describes one of them.
    pub(crate) fn within(&self, outer: usize, extent: usize, inner: usize) -> Option<Self> {
        let Self::Channels(pieces) = self else { return Some(self.clone()) };
        let piece = |piece: &Piece| {
            Some(Piece { span: piece.span.within(outer, extent, inner)?, ..*piece })
        };
        pieces.iter().map(piece).collect::<Option<_>>().map(Self::Channels)
    }

    /// Returns the pieces, moved by some positions.
    pub(crate) fn shifted(pieces: &[Piece], by: usize) -> impl Iterator<Item = Piece> {
        let shifted = move |piece: &Piece| {
            let span = Span { offset: piece.span.offset + by, ..piece.span };
            Piece { span, ..*piece }
        };
        pieces.iter().map(shifted)
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        match self {
            Self::Channels(pieces) => pieces,
            Self::Fixed(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(tensor: &str) -> Origin {
        Origin { tensor: tensor.into(), dimension: 0 }
    }

    fn reason() -> Reason {
        Reason::Misaligned { node: "add".into() }
    }

    #[test]
    fn an_axis_that_meets_two_is_cut_in_two() {
        let mut axes = Axes::default();
        let long = Along::Channels(axes.of_tensor(&origin("long"), 8));
        let beside = |axes: &mut Axes| {
            let (one, other) = (axes.of_tensor(&origin("a"), 3), axes.of_tensor(&origin("b"), 5));
            Along::Channels(one.into_iter().chain(Along::shifted(&other, 3)).collect())
        };
        let two = beside(&mut axes);
        axes.combine(&long, &two, &reason());
        let mut axes = Axes::with_cuts(axes.into_cuts());
        let long = axes.of_tensor(&origin("long"), 8);
        assert_eq!(long.iter().map(|piece| axes.width(piece.axis)).collect::<Vec<_>>(), [3, 5]);
        let two = beside(&mut axes);
        axes.combine(&Along::Channels(long.clone()), &two, &reason());
        let pairs: Vec<_> = long.iter().zip(two.pieces()).collect();
        for (one, other) in pairs {
            assert_eq!(axes.first(one.axis), axes.first(other.axis));
            assert_eq!(axes.reason(one.axis), None);
        }
    }

    #[test]
    fn spans_that_differ_are_fixed() {
        let mut axes = Axes::default();
        let flat = Along::Channels(axes.of_tensor(&origin("a"), 2)).within(1, 2, 9).unwrap();
        let plain = Along::Channels(axes.of_tensor(&origin("b"), 18));
        axes.combine(&flat, &plain, &reason());
        for piece in flat.pieces().iter().chain(plain.pieces()) {
            assert_eq!(axes.reason(piece.axis), Some(&reason()));
        }
    }

    #[test]
    fn a_channel_that_is_flattened_takes_a_block() {
        let span = Span::once(4).within(1, 6, 25).unwrap();
        assert_eq!(span, Span { offset: 100, block: 25, repeat: 1, stride: 0 });
        assert_eq!(span.starts(2).collect::<Vec<_>>(), [150]);
        // Positions first, then channels.
        let span = Span::once(0).within(9, 6, 1).unwrap();
        assert_eq!(span, Span { offset: 0, block: 1, repeat: 9, stride: 6 });
        assert_eq!(span.within(2, 54, 1).unwrap().repeat, 18);
        assert_eq!(Span { stride: 7, ..span }.within(2, 54, 1), None);
    }

    #[test]
    fn a_slice_takes_whole_pieces_and_cuts_the_others() {
        let mut axes = Axes::default();
        let one = Along::Channels(axes.of_tensor(&origin("a"), 8));
        assert_eq!(axes.slice(&one, 0, 4, &reason()), Along::Fixed(reason()));
        let mut axes = Axes::with_cuts(axes.into_cuts());
        let two = Along::Channels(axes.of_tensor(&origin("a"), 8));
        let half = axes.slice(&two, 4, 8, &reason());
        assert_eq!(half, Along::Channels(vec![Piece { axis: 1, span: Span::once(0) }]));
        assert_eq!(axes.reason(1), None);
    }
}
