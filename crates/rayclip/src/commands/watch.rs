//! `rayclip watch`: shows a run in the terminal, during the run or after it.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};

use super::folders::check_run;
use crate::args::WatchArgs;
use crate::live::{Live, draw};
use crate::output;

/// How often the folder is read.
const PERIOD: Duration = Duration::from_secs(1);

/// The size of a picture for a pipe or a file.
const SIZE: (u16, u16) = (80, 24);

/// Shows the run until a key closes the view. Without a terminal, prints one picture.
pub(crate) fn watch(args: &WatchArgs) -> anyhow::Result<ExitCode> {
    check_run(&args.run)?;
    let live = Live::read(&args.run)?;
    if args.once || !std::io::stdout().is_terminal() {
        // The terminal needs one more line for the prompt.
        let (width, height) = output::size()
            .filter(|_| std::io::stdout().is_terminal())
            .map_or(SIZE, |(columns, rows)| (columns, rows.saturating_sub(1).max(1)));
        output::result(&picture(&live, width, height)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut terminal = ratatui::try_init().context("cannot draw on the terminal")?;
    let shown = show(&mut terminal, live, &args.run);
    ratatui::restore();
    shown.map(|()| ExitCode::SUCCESS)
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    mut live: Live,
    folder: &Path,
) -> anyhow::Result<()> {
    loop {
        terminal.draw(|frame| draw(&live, frame, true))?;
        if event::poll(PERIOD)?
            && let Event::Key(key) = event::read()?
            && ends(key)
        {
            return Ok(());
        }
        live =
            Live::read(folder).with_context(|| format!("{} no longer exists", folder.display()))?;
    }
}

fn ends(key: KeyEvent) -> bool {
    let interrupt = key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
    interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}

/// Returns the frame as text.
fn picture(live: &Live, width: u16, height: u16) -> anyhow::Result<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height))?;
    terminal.draw(|frame| draw(live, frame, false))?;
    let buffer = terminal.backend().buffer();
    let width = usize::from(buffer.area.width);
    let line = |cells: &[ratatui::buffer::Cell]| {
        let text: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.trim_end().to_owned()
    };
    let text = buffer.content.chunks(width).map(line).collect::<Vec<_>>().join("\n");
    Ok(text.trim_end().to_owned())
}
