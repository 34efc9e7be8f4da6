//! What is done with the pixels before the first layer.

use super::{Builder, Layout, Placed};
use crate::onnx::import::plan::{Action, Step};
use crate::onnx::import::shaping::Change;

impl<'a> Builder<'a> {
    /// Follows what is done with the pixels. All layers that read them must read the same.
    pub(super) fn follow_pixels(&mut self, step: &'a Step, first: Placed) -> Result<(), String> {
        for input in &step.inputs {
            let Some(pixels) = self.pixels.get(input.as_str()).cloned() else { continue };
            let after = match &step.action {
                Action::Alias => pixels,
                Action::Reshape(change) if *change != Change::Flat => pixels,
                Action::Preprocess(affine, extents) => {
                    let own = self.along_channels(input, first, extents);
                    let after = own.then(|| pixels.then(affine)).flatten();
                    after
                        .ok_or("what it does with the pixels is not the same for a whole channel")?
                }
                _ => {
                    match &self.preprocessing {
                        Some(other) if *other != pixels => {
                            return Err("the pixels are used in two ways".into());
                        }
                        _ => self.preprocessing = Some(pixels),
                    }
                    continue;
                }
            };
            let node = &self.plan.graph.node[step.node];
            if let Some(output) = node.output.first() {
                self.pixels.insert(output, after);
            }
        }
        Ok(())
    }

    /// Returns whether a constant with these extents has one number, or one for each channel of the pixels.
    fn along_channels(&self, value: &str, pixels: Placed, extents: &[usize]) -> bool {
        let rank = self.rank(value) as usize;
        let channel = match (pixels.layout, rank) {
            (Layout::ChannelsSecond, 4) => 2,
            _ => 0,
        };
        // Extents count from the last one.
        let wide = |(place, extent): (usize, &usize)| *extent == 1 || place == channel;
        extents.iter().rev().enumerate().all(wide)
    }
}
