//! Progress on a terminal. Nothing is shown elsewhere, such as in a file or a pipe.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// Time between two frames, which also shows that a command with nothing new to report is alive.
const FRAME: Duration = Duration::from_millis(200);

/// Returns `true` if standard error is a terminal that shows no log lines, which would break the display.
fn is_shown() -> bool {
    let logs = std::env::var(crate::LOG).is_ok_and(|it| !it.is_empty());
    std::io::stderr().is_terminal() && !logs
}

/// Shows the progress of a batch: pages done and failed, the rate, and the time left. `None` without a terminal.
pub(crate) fn bar(total: usize) -> Option<ProgressBar> {
    let bar = is_shown().then(|| ProgressBar::new(total as u64))?;
    let template = "{bar:30} {pos} of {len} done, {msg}, {rate}, {left}";
    let style = ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar());
    let style = style
        .with_key("rate", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            // A failed write leaves the frame incomplete; the next one replaces it.
            let _ = text.write_str(&rate(state.per_sec()));
        })
        .with_key("left", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let is_known = state.pos() > 0;
            let left = is_known.then(|| format!("{} left", rounded(state.eta())));
            let _ = text.write_str(left.as_deref().unwrap_or("time left unknown"));
        });
    bar.set_style(style);
    bar.set_message("0 failed");
    bar.enable_steady_tick(FRAME);
    Some(bar)
}

/// Shows that a page is being fetched, and for how long. `None` without a terminal.
pub(crate) fn spinner(message: String) -> Option<ProgressBar> {
    let spinner = is_shown().then(ProgressBar::new_spinner)?;
    let style = ProgressStyle::with_template("{spinner} {seconds} {wide_msg}");
    let style = style.unwrap_or(ProgressStyle::default_spinner()).with_key(
        "seconds",
        |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let _ = write!(text, "{} s", state.elapsed().as_secs());
        },
    );
    spinner.set_style(style);
    spinner.set_message(message);
    spinner.enable_steady_tick(FRAME);
    Some(spinner)
}

/// Formats a rate with two significant digits or more: per minute if it is below one per second.
fn rate(per_second: f64) -> String {
    let per_minute = per_second * 60.0;
    match per_second {
        it if !it.is_finite() || it <= 0.0 => "0/min".to_owned(),
        it if it >= 9.95 => format!("{it:.0}/s"),
        it if it >= 0.995 => format!("{it:.1}/s"),
        _ if per_minute >= 9.95 => format!("{per_minute:.0}/min"),
        _ => format!("{per_minute:.1}/min"),
    }
}

/// Formats a duration with its two largest units.
fn rounded(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..600 => format!("{minutes} min {} s", seconds % 60),
        600..3_600 => format!("{minutes} min"),
        3_600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_two_or_three_digits() {
        let shown = [0.0, 0.004, 0.05, 0.5, 0.999, 1.26, 9.96, 12.4, 1234.5, f64::NAN].map(rate);

        let expected = [
            "0/min", "0.2/min", "3.0/min", "30/min", "1.0/s", "1.3/s", "10/s", "12/s", "1234/s",
            "0/min",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_time_left_has_two_units_at_most() {
        let shown =
            [0, 59, 61, 599, 3_599, 3_600, 90_000].map(|it| rounded(Duration::from_secs(it)));

        let expected = ["0 s", "59 s", "1 min 1 s", "9 min 59 s", "59 min", "1 h 0 min", "1 d 1 h"];
        assert_eq!(shown, expected);
        assert_eq!(rounded(Duration::from_millis(1)), "1 s");
    }
}
