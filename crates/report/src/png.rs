//! A drawing as PNG, with a font of its own: the same on every machine.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// Pixels of the image for one of the drawing.
const SCALE: f32 = 2.0;

/// Draws SVG into pixels.
pub(crate) struct Renderer {
    options: Options<'static>,
}

impl Default for Renderer {
    fn default() -> Self {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        Self { options: Options { fontdb: Arc::new(fonts), ..Options::default() } }
    }
}

impl Renderer {
    /// The PNG file of a drawing.
    ///
    /// # Panics
    /// If `svg` is not one of ours.
    pub(crate) fn png(&self, svg: &str) -> Vec<u8> {
        let tree = Tree::from_str(svg, &self.options).expect("our own drawing is valid");
        let size = tree.size().to_int_size().scale_by(SCALE).expect("a drawing has an extent");
        let mut pixels = Pixmap::new(size.width(), size.height()).expect("memory takes a drawing");
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
        pixels.encode_png().expect("memory takes a drawing")
    }
}
