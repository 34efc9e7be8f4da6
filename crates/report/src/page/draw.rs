//! Draws figures and tables on the page.

use maud::{Markup, PreEscaped, html};

use crate::figures::figure::Figure;
use crate::tables::table::{Cell, Table};

/// A drawing of a figure for a screen, and one for a phone.
#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    /// SVG for a screen.
    pub(crate) screen: String,
    /// SVG for a phone.
    pub(crate) phone: String,
}

/// Returns a figure with its drawing. A figure without a drawing becomes one line with the reason.
pub(super) fn figure(figure: &Figure, drawing: Option<&Drawing>) -> Markup {
    html! {
        @match drawing {
            Some(Drawing { screen, phone }) => {
                figure id={ "figure-" (figure.name) } {
                    div.screen role="img" aria-label=(figure.title) { (PreEscaped(screen)) }
                    div.phone role="img" aria-label=(figure.title) { (PreEscaped(phone)) }
                    figcaption { (figure.caption) }
                }
            }
            None if !figure.caption.is_empty() => {
                p.soft id={ "figure-" (figure.name) } {
                    (figure.title) ": not shown. " (figure.caption)
                }
            }
            None => {}
        }
    }
}

/// Returns a table. Each head is one line.
pub(super) fn table(table: &Table) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                @for column in &table.columns { th { (column.head.replace('\n', " ")) } }
            } }
            tbody { @for row in &table.rows { tr { @for own in row { (cell(own)) } } } }
        } }
    }
}

fn cell(cell: &Cell) -> Markup {
    let lines = html! {
        @for (index, line) in cell.text.split('\n').enumerate() {
            @if index > 0 { br; }
            (line)
        }
    };
    html! {
        @if cell.is_found {
            td.found data-value=[cell.value] { (lines) }
        } @else {
            td data-value=[cell.value] { (lines) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_and_terminal_show_the_same_cells() {
        let mut drawn = Table::new(["neurons", "l2\n− <dtc>"]);
        let found = Cell { is_found: true, ..Cell::number(-0.25, "-0.2500\nlower".into()) };
        drawn.rows =
            vec![vec![Cell::count(Some(9)), found], vec![Cell::text("a & b"), Cell::none()]];
        let page = table(&drawn).into_string();
        let expected = "<div class=\"wide\"><table><thead><tr><th>neurons</th><th>l2 − &lt;dtc&gt;</th></tr>\
            </thead><tbody><tr><td data-value=\"9\">9</td><td class=\"found\" data-value=\"-0.25\">-0.2500<br>\
            lower</td></tr><tr><td>a &amp; b</td><td>–</td></tr></tbody></table></div>";
        assert_eq!(page, expected);
        let terminal = drawn.to_string();
        let cells = drawn.rows.iter().flatten().flat_map(|cell| cell.text.split('\n'));
        for text in cells.chain(["neurons", "l2", "− <dtc>"]) {
            assert!(terminal.contains(text), "{text}: {terminal}");
        }
    }
}
