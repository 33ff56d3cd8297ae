//! What the engine counts, in the text format that Prometheus reads.
//!
//! The engine and the service count through the `metrics` facade and know no recorder. A host that has
//! one of its own needs nothing from here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// Upper bounds of what is timed, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];
/// Upper bounds of what is counted.
const COUNTS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 512.0, 2_048.0];

/// A recorder that keeps sums in memory. Clones share them.
///
/// Install one with `metrics::set_global_recorder`, and give a clone to
/// [`Service::metrics`](crate::service::Service::metrics).
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    shared: Arc<Shared>,
}

/// A metric's name, and its labels as they are written.
type Name = (String, String);

#[derive(Debug, Default)]
struct Shared {
    counters: Mutex<BTreeMap<Name, Arc<AtomicU64>>>,
    gauges: Mutex<BTreeMap<Name, Arc<AtomicU64>>>,
    histograms: Mutex<BTreeMap<Name, Arc<Spread>>>,
}

/// How often values were at most so large.
#[derive(Debug)]
struct Spread {
    bounds: &'static [f64],
    /// One more than there are bounds, for what is above them all.
    counts: Vec<AtomicU64>,
    /// Their sum, as the bits of a float.
    sum: AtomicU64,
}

impl Spread {
    fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0.0_f64.to_bits()) }
    }
}

impl HistogramFn for Spread {
    fn record(&self, value: f64) {
        let place = self.bounds.iter().position(|it| value <= *it).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

fn locked<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

fn named(key: &Key) -> Name {
    let mut labels = String::new();
    for label in key.labels() {
        let value = label.value().replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        let comma = if labels.is_empty() { "" } else { "," };
        write!(labels, "{comma}{}=\"{value}\"", plain(label.key()))
            .expect("a string takes every write");
    }
    (plain(key.name()), labels)
}

/// A name of nothing but what names may have.
fn plain(name: &str) -> String {
    name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '_' }).collect()
}

impl Recorder for Metrics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut all = locked(&self.shared.counters);
        Counter::from_arc(Arc::clone(all.entry(named(key)).or_default()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let mut all = locked(&self.shared.gauges);
        Gauge::from_arc(Arc::clone(all.entry(named(key)).or_default()))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let bounds: &[f64] = if key.name().ends_with("_seconds") { &SECONDS } else { &COUNTS };
        let mut all = locked(&self.shared.histograms);
        let spread = all.entry(named(key)).or_insert_with(|| Arc::new(Spread::new(bounds)));
        Histogram::from_arc(Arc::clone(spread))
    }
}

impl Metrics {
    /// Everything so far, in the text format of Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let shared = &self.shared;
        simple(&mut text, "counter", "_total", &locked(&shared.counters), |it| it.to_string());
        let float = |bits| f64::from_bits(bits).to_string();
        simple(&mut text, "gauge", "", &locked(&shared.gauges), float);
        let mut last = "";
        for ((name, labels), spread) in &*locked(&shared.histograms) {
            if name != last {
                text.push_str(&format!("# TYPE {name} histogram\n"));
            }
            last = name;
            spread.write(&mut text, name, labels);
        }
        text
    }
}

fn simple(
    text: &mut String,
    kind: &str,
    suffix: &str,
    all: &BTreeMap<Name, Arc<AtomicU64>>,
    shown: impl Fn(u64) -> String,
) {
    let mut last = "";
    for ((name, labels), value) in all {
        if name != last {
            text.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        }
        last = name;
        let labels = braced(labels);
        text.push_str(&format!(
            "{name}{suffix}{labels} {}\n",
            shown(value.load(Ordering::Relaxed))
        ));
    }
}

fn braced(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}

impl Spread {
    fn write(&self, text: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let bounds = self.bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let mut sum = 0;
        for (bound, count) in bounds.zip(&self.counts) {
            sum += count.load(Ordering::Relaxed);
            text.push_str(&format!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {sum}\n"));
        }
        let labels = braced(labels);
        let total = f64::from_bits(self.sum.load(Ordering::Relaxed));
        text.push_str(&format!("{name}_sum{labels} {total}\n{name}_count{labels} {sum}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_written_as_prometheus_reads_it() {
        let recorder = Metrics::default();
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("jobs", "tier" => "1").increment(2);
            metrics::counter!("jobs", "tier" => "a\"b\\c").increment(1);
            metrics::gauge!("waiting").set(1.5);
            metrics::histogram!("took_seconds").record(0.03);
            metrics::histogram!("took_seconds").record(500.0);
        });

        let text = recorder.text();

        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..5],
            [
                "# TYPE jobs_total counter",
                "jobs_total{tier=\"1\"} 2",
                "jobs_total{tier=\"a\\\"b\\\\c\"} 1",
                "# TYPE waiting gauge",
                "waiting 1.5",
            ]
        );
        assert_eq!(text.matches("# TYPE took_seconds histogram").count(), 1);
        for line in [
            "took_seconds_bucket{le=\"0.01\"} 0",
            "took_seconds_bucket{le=\"0.05\"} 1",
            "took_seconds_bucket{le=\"120\"} 1",
            "took_seconds_bucket{le=\"+Inf\"} 2",
            "took_seconds_sum 500.03",
            "took_seconds_count 2",
        ] {
            assert!(lines.contains(&line), "{line} is not in\n{text}");
        }
    }
}
