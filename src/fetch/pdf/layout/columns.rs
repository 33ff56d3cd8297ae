//! Splits a page into regions that are read one after the other.

use super::TextRun;

/// Maximum number of nested cuts of a page.
const MAX_DEPTH: usize = 12;
/// Number of positions across a region at which a gutter is searched: about 3 points apart on A4.
const POSITIONS: u16 = 200;
/// Positions at either edge where no gutter is searched, as a divisor: a column is at least an eighth wide.
const EDGE_DIVISOR: u16 = 8;
/// Minimum number of runs in a column.
const MIN_RUNS: usize = 4;
/// Maximum share of a region's runs that cross a gutter, as a divisor: titles and figures.
const CROSSING_DIVISOR: usize = 4;
/// Minimum width of a gutter, in font heights. A space is at most a third of one.
const MIN_GUTTER: f64 = 0.7;
/// Minimum width of a line of prose, in font heights: about 20 characters. Less is a column of a table.
const MIN_PROSE: f64 = 9.0;
/// Minimum width of a typical line of prose, relative to its column.
const MIN_FILL: f64 = 0.5;

/// Returns the runs of a page as regions in reading order.
pub(super) fn regions(mut runs: Vec<TextRun>) -> Vec<Vec<TextRun>> {
    runs.sort_by(|a, b| a.baseline.total_cmp(&b.baseline).then(a.left.total_cmp(&b.left)));
    let mut found = Vec::new();
    cut(runs, 0, &mut found);
    found
}

fn cut(runs: Vec<TextRun>, depth: usize, found: &mut Vec<Vec<TextRun>>) {
    let gutter = if depth < MAX_DEPTH { gutter(&runs) } else { None };
    let Some(gutter) = gutter else {
        if !runs.is_empty() {
            found.push(runs);
        }
        return;
    };
    // A run across the gutter, such as a title, separates the columns above from those below.
    let mut band = Vec::new();
    let mut across = Vec::new();
    for run in runs {
        if run.left < gutter && run.right > gutter {
            columns(std::mem::take(&mut band), gutter, depth, found);
            across.push(run);
        } else {
            if !across.is_empty() {
                cut(std::mem::take(&mut across), depth + 1, found);
            }
            band.push(run);
        }
    }
    if !across.is_empty() {
        cut(across, depth + 1, found);
    }
    columns(band, gutter, depth, found);
}

fn columns(band: Vec<TextRun>, gutter: f64, depth: usize, found: &mut Vec<Vec<TextRun>>) {
    if band.is_empty() {
        return;
    }
    let (left, right): (Vec<TextRun>, Vec<TextRun>) =
        band.into_iter().partition(|run| run.left < gutter);
    cut(left, depth + 1, found);
    cut(right, depth + 1, found);
}

/// Returns the middle of the white space between two columns of prose, if there is one.
fn gutter(runs: &[TextRun]) -> Option<f64> {
    if runs.len() < 2 * MIN_RUNS {
        return None;
    }
    let left = runs.iter().map(|run| run.left).fold(f64::INFINITY, f64::min);
    let right = runs.iter().map(|run| run.right).fold(f64::NEG_INFINITY, f64::max);
    let step = (right - left) / f64::from(POSITIONS);
    if !step.is_finite() || step <= 0.0 {
        return None;
    }
    let size = median(runs.iter().map(|run| run.size));
    let crossings = crossings(runs, left, step);
    let (from, to) = (POSITIONS / EDGE_DIVISOR, POSITIONS - POSITIONS / EDGE_DIVISOR);
    let fewest = *crossings[usize::from(from)..usize::from(to)].iter().min()?;
    if fewest * CROSSING_DIVISOR > runs.len() {
        return None;
    }
    // The widest interval that the fewest runs cross.
    let mut widest: Option<(u16, u16)> = None;
    let mut started = None;
    for (position, count) in (0..=to).zip(&crossings).skip(usize::from(from)) {
        match (position < to && *count == fewest, started) {
            (true, None) => started = Some(position),
            (false, Some(start)) => {
                if widest.is_none_or(|(from, to)| position - start > to - from) {
                    widest = Some((start, position));
                }
                started = None;
            }
            _ => {}
        }
    }
    let (start, end) = widest?;
    let is_wide = f64::from(end - start + 1) * step >= size * MIN_GUTTER;
    let middle = left + step * f64::from(start + end) / 2.0;
    (is_wide && is_prose(runs, middle)).then_some(middle)
}

/// Returns the number of runs over each position.
fn crossings(runs: &[TextRun], left: f64, step: f64) -> Vec<usize> {
    let mut changes = vec![0_isize; usize::from(POSITIONS) + 1];
    let edges: Vec<f64> =
        (1..POSITIONS).map(|position| left + step * f64::from(position)).collect();
    let position = |x: f64| edges.partition_point(|edge| *edge <= x);
    for run in runs {
        changes[position(run.left)] += 1;
        changes[position(run.right) + 1] -= 1;
    }
    let mut over = 0_isize;
    let sums = changes.iter().take(usize::from(POSITIONS)).map(|change| {
        over += change;
        over.unsigned_abs()
    });
    sums.collect()
}

/// Returns `true` if there is prose on both sides: most lines are long.
fn is_prose(runs: &[TextRun], gutter: f64) -> bool {
    let is_column = |side: &dyn Fn(&TextRun) -> bool| {
        let lines: Vec<&TextRun> = runs.iter().filter(|run| side(run)).collect();
        let size = median(lines.iter().map(|line| line.size));
        let left = lines.iter().map(|line| line.left).fold(f64::INFINITY, f64::min);
        let right = lines.iter().map(|line| line.right).fold(f64::NEG_INFINITY, f64::max);
        let typical = median(lines.iter().map(|line| line.right - line.left));
        lines.len() >= MIN_RUNS
            && typical >= size * MIN_PROSE
            && typical >= (right - left) * MIN_FILL
    };
    is_column(&|run| run.right <= gutter) && is_column(&|run| run.left >= gutter)
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
