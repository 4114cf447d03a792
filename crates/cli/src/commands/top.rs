//! `lockgate top`: a running gateway's last minute, drawn anew each second.

mod picture;

use std::{
    io::{self, Write},
    panic,
    process::ExitCode,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use clap::Args;
use crossterm::{
    cursor,
    event::{self, Event, KeyCode, KeyModifiers},
    execute,
    style::Print,
    terminal::{self, ClearType},
};
use http::Method;
use lockgate_gateway::admin::Stats;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    admin::{self, Failure, Gateway, Where, print_json},
    failed, runtime,
    screen::has_colours,
};
use picture::{Standing, picture};

/// How long a key waits until it is heard.
const KEYS: Duration = Duration::from_millis(50);
/// What a picture is as wide as where there is no terminal.
const WIDTH: usize = 100;

/// What to show, and how often.
#[derive(Args)]
pub(crate) struct Options {
    /// Print one picture and end; `--json` does so too.
    #[arg(long)]
    once: bool,
    /// Seconds between two pictures.
    #[arg(long, short, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    interval: u64,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let (gateway, _) = match options.place.find() {
        Ok(found) => found,
        Err(code) => return code,
    };
    if options.once || options.place.json {
        return admin::run(once(&gateway, options.place.json));
    }
    // What cannot be had at all is said before the screen is taken.
    let code = admin::run(async {
        match ask(&gateway).await {
            Ok(_) | Err(Failure::Unreachable(_)) => Ok(ExitCode::SUCCESS),
            Err(failure) => Err(gateway.failed(failure)),
        }
    });
    if code != ExitCode::SUCCESS {
        return code;
    }
    match watch(gateway, Duration::from_secs(options.interval)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(format!("cannot draw on this terminal: {error}; `--once` prints one picture")),
    }
}

async fn ask(gateway: &Gateway) -> Result<Stats, Failure> {
    gateway.ask(Method::GET, "stats", "").await
}

async fn once(gateway: &Gateway, is_json: bool) -> Result<ExitCode, ExitCode> {
    let stats = ask(gateway).await.map_err(|failure| gateway.failed(failure))?;
    if is_json {
        return print_json(&stats);
    }
    let width = terminal::size().map_or(WIDTH, |(width, _)| usize::from(width));
    let standing = Standing { base: &gateway.base, stats: Some(&stats), away: None };
    let lines = picture(&standing, width, usize::MAX, has_colours());
    let mut out = io::stdout().lock();
    // Whoever reads may have read enough.
    let _ = out.write_all((lines.join("\n") + "\n").as_bytes());
    Ok(ExitCode::SUCCESS)
}

/// What happens outside.
enum News {
    Stats(Box<Stats>),
    /// There are none, for that reason.
    Away(String),
    /// The process is told to end.
    End,
}

/// Draws until somebody has seen enough.
fn watch(gateway: Gateway, every: Duration) -> io::Result<()> {
    let base = gateway.base.clone();
    let (sender, news) = mpsc::channel();
    // Asking may take its time, keys may not. The thread ends with the process.
    thread::spawn(move || gather(&gateway, every, &sender));
    let screen = Screen::take()?;
    let drawn = draw(&base, &news);
    drop(screen);
    drawn
}

fn draw(base: &str, news: &Receiver<News>) -> io::Result<()> {
    let (mut stats, mut away, mut is_changed) = (None, None, true);
    let colours = has_colours();
    loop {
        match news.recv_timeout(KEYS) {
            Ok(News::Stats(new)) => (stats, away, is_changed) = (Some(*new), None, true),
            Ok(News::Away(why)) => (away, is_changed) = (Some(why), true),
            Ok(News::End) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        while event::poll(Duration::ZERO)? {
            match event::read()? {
                Event::Key(key) => {
                    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
                    match key.code {
                        KeyCode::Char('q' | 'Q') | KeyCode::Esc => return Ok(()),
                        KeyCode::Char('c' | 'd') if is_control => return Ok(()),
                        _ => {}
                    }
                }
                Event::Resize(..) => is_changed = true,
                _ => {}
            }
        }
        if std::mem::take(&mut is_changed) {
            let (width, height) = terminal::size()?;
            let standing = Standing { base, stats: stats.as_ref(), away: away.as_deref() };
            let lines = picture(&standing, usize::from(width), usize::from(height), colours);
            // Line by line over what is there, so that nothing flickers.
            let mut out = io::stdout().lock();
            execute!(out, terminal::BeginSynchronizedUpdate)?;
            for (row, line) in (0..height).zip(lines.iter().map(String::as_str).chain(std::iter::repeat("")))
            {
                execute!(out, cursor::MoveTo(0, row), Print(line), terminal::Clear(ClearType::UntilNewLine))?;
            }
            execute!(out, terminal::EndSynchronizedUpdate)?;
        }
    }
}

/// Asks again and again; a gateway that is started anew is found again.
fn gather(gateway: &Gateway, every: Duration, news: &Sender<News>) {
    let Ok(runtime) = runtime() else { return };
    runtime.block_on(async {
        let (Ok(mut terminate), Ok(mut hangup)) =
            (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        else {
            return;
        };
        loop {
            let asked = async {
                let new = match ask(gateway).await {
                    Ok(stats) => News::Stats(Box::new(stats)),
                    Err(Failure::Refused(error)) => News::Away(error.message),
                    Err(Failure::Unreachable(why) | Failure::Strange(why)) => News::Away(why),
                };
                let is_heard = news.send(new).is_ok();
                tokio::time::sleep(every).await;
                is_heard
            };
            let goes_on = tokio::select! {
                is_heard = asked => is_heard,
                _ = terminate.recv() => false,
                _ = hangup.recv() => false,
            };
            if !goes_on {
                let _ = news.send(News::End);
                return;
            }
        }
    });
}

/// The terminal's other screen, given back whatever happens.
struct Screen;

impl Screen {
    fn take() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let screen = Self;
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // What went wrong would be gone with the other screen.
            give_back();
            told(info);
        }));
        execute!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    // There is nobody left to tell if the terminal is gone.
    let _ = execute!(io::stdout(), cursor::Show, terminal::LeaveAlternateScreen);
    let _ = terminal::disable_raw_mode();
}
