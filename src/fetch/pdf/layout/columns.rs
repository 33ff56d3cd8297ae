//! Which parts of a page are read one after the other.

use super::Run;

/// How often a page is cut at most, one cut within the other.
const MAX_DEPTH: usize = 12;
/// Places across a region where a gap is looked for.
const PLACES: u16 = 200;
/// A column has at least so many runs.
const MIN_RUNS: usize = 4;
/// White space between columns is at least this wide, in heights of the font.
const GUTTER: f64 = 0.7;
/// Prose is at least this wide, in heights of its font; what is narrower is a column of a table.
const PROSE: f64 = 9.0;

/// The runs of a page as regions in reading order.
pub(super) fn regions(mut runs: Vec<Run>) -> Vec<Vec<Run>> {
    runs.sort_by(|a, b| a.base.total_cmp(&b.base).then(a.left.total_cmp(&b.left)));
    let mut found = Vec::new();
    cut(runs, 0, &mut found);
    found
}

fn cut(runs: Vec<Run>, depth: usize, found: &mut Vec<Vec<Run>>) {
    let gutter = if depth < MAX_DEPTH { gutter(&runs) } else { None };
    let Some(gutter) = gutter else {
        if !runs.is_empty() {
            found.push(runs);
        }
        return;
    };
    // What runs across the gutter, such as a title, parts what is above it from what is below.
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

fn columns(band: Vec<Run>, gutter: f64, depth: usize, found: &mut Vec<Vec<Run>>) {
    if band.is_empty() {
        return;
    }
    let (left, right): (Vec<Run>, Vec<Run>) = band.into_iter().partition(|it| it.left < gutter);
    cut(left, depth + 1, found);
    cut(right, depth + 1, found);
}

/// Where white space parts two columns of prose, if it does anywhere.
fn gutter(runs: &[Run]) -> Option<f64> {
    if runs.len() < 2 * MIN_RUNS {
        return None;
    }
    let left = runs.iter().map(|it| it.left).fold(f64::INFINITY, f64::min);
    let right = runs.iter().map(|it| it.right).fold(f64::NEG_INFINITY, f64::max);
    let step = (right - left) / f64::from(PLACES);
    if !step.is_finite() || step <= 0.0 {
        return None;
    }
    let size = median(runs.iter().map(|it| it.size));
    let crossings = crossings(runs, left, step);
    let (from, to) = (PLACES / 8, PLACES * 7 / 8);
    let fewest = *crossings[usize::from(from)..usize::from(to)].iter().min()?;
    if fewest * 4 > runs.len() {
        return None;
    }
    // The widest stretch that as few runs cross as any.
    let mut widest: Option<(u16, u16)> = None;
    let mut begun = None;
    for (place, count) in (0..=to).zip(&crossings).skip(usize::from(from)) {
        match (place < to && *count == fewest, begun) {
            (true, None) => begun = Some(place),
            (false, Some(start)) => {
                if widest.is_none_or(|(a, b)| place - start > b - a) {
                    widest = Some((start, place));
                }
                begun = None;
            }
            _ => {}
        }
    }
    let (start, end) = widest?;
    let is_wide = f64::from(end - start + 1) * step >= size * GUTTER;
    let at = left + step * f64::from(start + end) / 2.0;
    (is_wide && is_prose(runs, at)).then_some(at)
}

/// How many runs lie over each place.
fn crossings(runs: &[Run], left: f64, step: f64) -> Vec<usize> {
    let mut changes = vec![0_isize; usize::from(PLACES) + 1];
    let places: Vec<f64> = (1..PLACES).map(|it| left + step * f64::from(it)).collect();
    let place = |x: f64| places.partition_point(|it| *it <= x);
    for run in runs {
        changes[place(run.left)] += 1;
        changes[place(run.right) + 1] -= 1;
    }
    let mut over = 0_isize;
    let sums = changes.iter().take(usize::from(PLACES)).map(|it| {
        over += it;
        over.unsigned_abs()
    });
    sums.collect()
}

/// Whether there is prose on both sides of the place: most lines are long.
fn is_prose(runs: &[Run], at: f64) -> bool {
    let is_column = |side: &dyn Fn(&Run) -> bool| {
        let lines: Vec<&Run> = runs.iter().filter(|it| side(it)).collect();
        let size = median(lines.iter().map(|it| it.size));
        let left = lines.iter().map(|it| it.left).fold(f64::INFINITY, f64::min);
        let right = lines.iter().map(|it| it.right).fold(f64::NEG_INFINITY, f64::max);
        let typical = median(lines.iter().map(|it| it.right - it.left));
        lines.len() >= MIN_RUNS && typical >= size * PROSE && typical >= (right - left) * 0.5
    };
    is_column(&|it| it.right <= at) && is_column(&|it| it.left >= at)
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
