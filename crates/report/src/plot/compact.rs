//! A drawing in fewer bytes: without what is so anyway.

use super::DASHED;

/// Attributes that say what holds without them.
const DEFAULTS: [&str; 5] = [
    " opacity=\"1\"",
    " stroke=\"none\"",
    " stroke-width=\"1\"",
    " text-anchor=\"start\"",
    " font-family=\"sans-serif\"",
];

/// The same drawing; its font is named once, and a broken line is one element.
pub(super) fn compact(svg: &str) -> String {
    let dashed = (format!(" opacity=\"{DASHED}\""), " stroke-dasharray=\"6 4\"");
    let mut text = String::with_capacity(svg.len());
    for line in svg.lines() {
        let mut line = line.to_owned();
        // What stands between tags is text, and stays as it is.
        if line.starts_with('<') {
            for default in DEFAULTS {
                line = line.replace(default, "");
            }
            line = line.replace(&dashed.0, dashed.1).replace(" \"", "\"");
            line = line.replacen("<svg", "<svg font-family=\"sans-serif\"", 1);
        }
        text.push_str(&line);
        if line.ends_with("/>") || line.ends_with("</text>") || line == "</svg>" {
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_go_and_text_stays() {
        let svg = "<svg width=\"9\">\n<circle r=\"3\" opacity=\"1\" stroke=\"none\" stroke-width=\"1\"/>\n\
                   <polyline opacity=\"0.999\" stroke-width=\"2\" points=\"1,2 3,4 \"/>\n\
                   <text x=\"1\" text-anchor=\"start\" font-family=\"sans-serif\">\n opacity=&quot;1&quot;\n</text>\n\
                   </svg>\n";
        let expected = "<svg font-family=\"sans-serif\" width=\"9\"><circle r=\"3\"/>\n\
                        <polyline stroke-dasharray=\"6 4\" stroke-width=\"2\" points=\"1,2 3,4\"/>\n\
                        <text x=\"1\"> opacity=&quot;1&quot;</text>\n</svg>\n";
        assert_eq!(compact(svg), expected);
    }
}
