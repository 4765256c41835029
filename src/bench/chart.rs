//! Latencies as an SVG chart, which browsers, READMEs and editors can show.

use std::fmt::Write;

use super::statistics::Latency;

/// One row of the chart.
#[derive(Debug, Clone)]
pub struct Bars {
    /// Name of the measurement.
    pub title: String,
    /// Warm latency.
    pub warm: Latency,
    /// Median of a cold process, in milliseconds.
    pub cold_ms: Option<f64>,
}

const WIDTH: f64 = 820.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = 90.0;
const ROW: f64 = 86.0;
const TOP: f64 = 44.0;
const BAR: f64 = 14.0;

/// Draws horizontal bars on a logarithmic axis of milliseconds: warm p50, p90 and p99, and the cold process.
pub fn chart(title: &str, rows: &[Bars]) -> String {
    let bars = |row: &Bars| {
        let warm = [
            ("p50", row.warm.p50_ms, "#1f6f8b"),
            ("p90", row.warm.p90_ms, "#4c9db5"),
            ("p99", row.warm.p99_ms, "#99c9d8"),
        ];
        warm.into_iter().chain(row.cold_ms.map(|cold| ("cold", cold, "#c7713c"))).collect::<Vec<_>>()
    };
    let values = rows.iter().flat_map(bars).map(|(_, ms, _)| ms.max(1e-3));
    let (least, most) = values.fold((f64::INFINITY, 0.0_f64), |(least, most), ms| (least.min(ms), most.max(ms)));
    let low = if least.is_finite() { least.log10().floor() } else { 0.0 };
    let high = most.max(1e-3).log10().ceil().max(low + 1.0);
    let x = |ms: f64| LEFT + (ms.max(1e-3).log10() - low) / (high - low) * (WIDTH - LEFT - RIGHT);
    let height = TOP + ROW * rows.len() as f64 + 40.0;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"16\" fill=\"#202020\">{}</text>\n",
        escaped(title)
    );
    for decade in low as i32..=high as i32 {
        let at = x(10f64.powi(decade));
        let bottom = height - 34.0;
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom}\" stroke=\"#e0e0e0\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#606060\">{} ms</text>",
            bottom + 18.0,
            shown(10f64.powi(decade))
        );
    }
    for (number, row) in rows.iter().enumerate() {
        let top = TOP + ROW * number as f64 + 10.0;
        let _ = writeln!(svg, "<text x=\"16\" y=\"{:.1}\" fill=\"#202020\">{}</text>", top + 36.0, escaped(&row.title));
        for (line, (name, ms, colour)) in bars(row).into_iter().enumerate() {
            let y = top + (BAR + 3.0) * line as f64;
            let width = (x(ms) - LEFT).max(1.0);
            let _ = writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#404040\">{name} {} ms</text>",
                LEFT + width + 5.0,
                y + 11.0,
                shown(ms)
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Three digits, without a power of ten.
fn shown(ms: f64) -> String {
    match ms {
        ms if ms >= 100.0 => format!("{ms:.0}"),
        ms if ms >= 10.0 => format!("{ms:.1}"),
        ms if ms >= 1.0 => format!("{ms:.2}").trim_end_matches('0').trim_end_matches('.').to_string(),
        ms => format!("{ms:.3}").trim_end_matches('0').trim_end_matches('.').to_string(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_with_time_and_names_are_escaped() {
        let warm = Latency::of(&[1.0, 2.0, 10.0]).unwrap();
        let svg = chart("a <board> & more", &[Bars { title: "fuse".to_string(), warm, cold_ms: Some(250.0) }]);
        assert!(svg.starts_with("<svg xmlns") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("a &lt;board&gt; &amp; more"));
        assert!(svg.contains("p50 2 ms") && svg.contains("p99 10.0 ms") && svg.contains("cold 250 ms"), "{svg}");
        let widths: Vec<f64> =
            svg.split("width=\"").skip(3).filter_map(|rest| rest.split('"').next()?.parse().ok()).collect();
        assert_eq!(widths.len(), 4);
        assert!(widths[0] < widths[1] && widths[2] < widths[3], "{widths:?}");
        chart("nothing", &[]);
    }
}
