//! Metrics in the text format of Prometheus.
//!
//! The engine and the service report through the `metrics` facade, to whichever recorder is installed. An application
//! with a recorder of its own does not need this module.
//!
//! Each time series is one atomic per bucket, so memory is bounded by the number of series, however rarely Prometheus
//! scrapes them. (`metrics-exporter-prometheus` keeps every sample of a histogram until it is scraped or until the
//! application runs its upkeep.)

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// Upper bounds of the buckets for durations, in seconds.
const DURATION_BUCKETS: [f64; 12] =
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];
/// Upper bounds of the buckets for counts.
const COUNT_BUCKETS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 512.0, 2_048.0];

/// A recorder that keeps totals in memory. Clones share them.
///
/// Install one with `metrics::set_global_recorder`, and pass a clone to
/// [`Service::metrics`](crate::service::Service::metrics).
///
/// # Example
///
/// ```
/// use rungs::service::Metrics;
///
/// let metrics = Metrics::default();
/// let _ = metrics::set_global_recorder(metrics.clone());
/// assert_eq!(metrics.text(), "");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    series: Arc<Series>,
}

/// A metric's name, and its labels as they are written.
type SeriesName = (String, String);

#[derive(Debug, Default)]
struct Series {
    counters: Mutex<BTreeMap<SeriesName, Arc<AtomicU64>>>,
    gauges: Mutex<BTreeMap<SeriesName, Arc<AtomicU64>>>,
    histograms: Mutex<BTreeMap<SeriesName, Arc<Buckets>>>,
}

/// The buckets of one histogram.
#[derive(Debug)]
struct Buckets {
    bounds: &'static [f64],
    /// One more than there are bounds: the last is for values above all of them.
    counts: Vec<AtomicU64>,
    /// The sum of the values, as the bits of an `f64`.
    sum: AtomicU64,
}

impl Buckets {
    fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0.0_f64.to_bits()) }
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let bucket = self.bounds.iter().position(|it| value <= *it).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

fn series_name(key: &Key) -> SeriesName {
    let mut labels = String::new();
    for label in key.labels() {
        let value = label.value().replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        let comma = if labels.is_empty() { "" } else { "," };
        write!(labels, "{comma}{}=\"{value}\"", sanitized(label.key()))
            .expect("writing to a string cannot fail");
    }
    (sanitized(key.name()), labels)
}

/// Replaces the characters that Prometheus does not allow in names.
fn sanitized(name: &str) -> String {
    name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '_' }).collect()
}

impl Recorder for Metrics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut counters = lock(&self.series.counters);
        Counter::from_arc(Arc::clone(counters.entry(series_name(key)).or_default()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let mut gauges = lock(&self.series.gauges);
        Gauge::from_arc(Arc::clone(gauges.entry(series_name(key)).or_default()))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let bounds: &[f64] =
            if key.name().ends_with("_seconds") { &DURATION_BUCKETS } else { &COUNT_BUCKETS };
        let mut histograms = lock(&self.series.histograms);
        let buckets =
            histograms.entry(series_name(key)).or_insert_with(|| Arc::new(Buckets::new(bounds)));
        Histogram::from_arc(Arc::clone(buckets))
    }
}

impl Metrics {
    /// Renders every time series in the text format of Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let series = &self.series;
        write_values(&mut text, "counter", "_total", &lock(&series.counters), |it| it.to_string());
        let float = |bits| f64::from_bits(bits).to_string();
        write_values(&mut text, "gauge", "", &lock(&series.gauges), float);
        let mut last = "";
        for ((name, labels), buckets) in &*lock(&series.histograms) {
            if name != last {
                text.push_str(&format!("# TYPE {name} histogram\n"));
            }
            last = name;
            buckets.write(&mut text, name, labels);
        }
        text
    }
}

fn write_values(
    text: &mut String,
    kind: &str,
    suffix: &str,
    values: &BTreeMap<SeriesName, Arc<AtomicU64>>,
    format: impl Fn(u64) -> String,
) {
    let mut last = "";
    for ((name, labels), value) in values {
        if name != last {
            text.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        }
        last = name;
        let labels = braced(labels);
        let value = format(value.load(Ordering::Relaxed));
        text.push_str(&format!("{name}{suffix}{labels} {value}\n"));
    }
}

fn braced(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}

impl Buckets {
    fn write(&self, text: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let bounds = self.bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let mut cumulative = 0;
        for (bound, count) in bounds.zip(&self.counts) {
            cumulative += count.load(Ordering::Relaxed);
            text.push_str(&format!(
                "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {cumulative}\n"
            ));
        }
        let labels = braced(labels);
        let sum = f64::from_bits(self.sum.load(Ordering::Relaxed));
        text.push_str(&format!("{name}_sum{labels} {sum}\n{name}_count{labels} {cumulative}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_use_the_format_of_prometheus() {
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
