//! Power readings of the board's own sensors. Only reads below `/sys`; missing sensors are reported, never guessed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Sensors on boards update about ten times per second.
const INTERVAL: Duration = Duration::from_millis(50);

/// Energy per record, or why it is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Energy {
    /// Measured by a sensor.
    Measured {
        /// The sensor and what it measures.
        sensor: String,
        /// Mean power during the runs, of everything that the sensor measures, including idle power.
        mean_w: f64,
        /// Mean power times the mean time of a record.
        joules_per_record: f64,
        /// Number of readings.
        samples: usize,
    },
    /// No sensor.
    Unknown {
        /// The reason.
        unknown: String,
    },
}

/// A source of power readings.
#[derive(Debug, Clone, PartialEq)]
struct Sensor {
    name: String,
    power: Power,
}

#[derive(Debug, Clone, PartialEq)]
enum Power {
    /// A file and its unit in watts.
    Direct(PathBuf, f64),
    /// Files of voltage and current with their units; power is the product.
    Product((PathBuf, f64), (PathBuf, f64)),
}

impl Sensor {
    fn watts(&self) -> Option<f64> {
        match &self.power {
            Power::Direct(file, unit) => Some(number(file)? * unit),
            // Some batteries report a discharge as a negative current.
            Power::Product((volts, v), (amperes, a)) => Some(number(volts)? * v * (number(amperes)? * a).abs()),
        }
        .map(f64::abs)
    }
}

/// The sensor, the flag that stops the thread that reads it, and the thread, which returns watts.
type Running = (Sensor, Sender<()>, JoinHandle<Vec<f64>>);

/// Reads a sensor in a separate thread until stopped.
pub struct PowerMeter {
    running: Result<Running, String>,
    started: std::time::Instant,
}

impl PowerMeter {
    /// Starts reading; `sys` is `/sys`.
    pub fn start(sys: &Path) -> Self {
        let running = find(sys).map(|sensor| {
            let (stop, stopped) = mpsc::channel();
            let thread = thread::spawn({
                let sensor = sensor.clone();
                move || {
                    let mut watts = Vec::new();
                    loop {
                        watts.extend(sensor.watts());
                        if !matches!(stopped.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout)) {
                            return watts;
                        }
                    }
                }
            });
            (sensor, stop, thread)
        });
        PowerMeter { running, started: std::time::Instant::now() }
    }

    /// Stops reading; `records` ran meanwhile.
    pub fn stop(self, records: usize) -> Energy {
        let seconds = self.started.elapsed().as_secs_f64();
        let (sensor, stop, thread) = match self.running {
            Ok(running) => running,
            Err(unknown) => return Energy::Unknown { unknown },
        };
        let _ = stop.send(());
        let watts = thread.join().unwrap_or_default();
        if watts.is_empty() {
            return Energy::Unknown { unknown: format!("{}: no value could be read", sensor.name) };
        }
        let mean_w = watts.iter().sum::<f64>() / watts.len() as f64;
        Energy::Measured {
            sensor: sensor.name,
            mean_w,
            joules_per_record: mean_w * seconds / records.max(1) as f64,
            samples: watts.len(),
        }
    }
}

/// The sensor that covers most of the board: an INA monitor's whole-board rail, else its first rail, else a battery
/// that is being discharged.
fn find(sys: &Path) -> Result<Sensor, String> {
    let mut rails = hwmon(sys);
    rails.extend(iio(sys));
    let whole = rails.iter().position(|sensor| {
        let name = sensor.name.to_ascii_uppercase();
        name.contains("VDD_IN") || name.contains("POM_5V_IN") || name.contains("VIN_SYS")
    });
    if !rails.is_empty() {
        return Ok(rails.swap_remove(whole.unwrap_or(0)));
    }
    battery(sys)
}

/// INA219, INA226, INA3221 ... as hwmon devices (JetPack 5 and later, and boards that carry one).
fn hwmon(sys: &Path) -> Vec<Sensor> {
    let mut sensors = Vec::new();
    for folder in folders(&sys.join("class/hwmon")) {
        let Some(chip) = text(&folder.join("name")).filter(|name| name.starts_with("ina")) else { continue };
        for channel in 1..=8 {
            let label = text(&folder.join(format!("in{channel}_label")));
            let name = format!("{chip} {}", label.unwrap_or_else(|| format!("channel {channel}")));
            let file = |kind: &str| folder.join(format!("{kind}{channel}_input"));
            let power = if file("power").exists() {
                Power::Direct(file("power"), 1e-6)
            } else if file("in").exists() && file("curr").exists() {
                Power::Product((file("in"), 1e-3), (file("curr"), 1e-3))
            } else {
                continue;
            };
            sensors.push(Sensor { name, power });
        }
    }
    sensors
}

/// INA3221 as exposed by NVIDIA's kernel 4.9 (JetPack 4): milliwatts per rail.
fn iio(sys: &Path) -> Vec<Sensor> {
    let mut sensors = Vec::new();
    for chip in folders(&sys.join("bus/i2c/drivers/ina3221x")) {
        for device in folders(&chip) {
            for channel in 0..3 {
                let file = device.join(format!("in_power{channel}_input"));
                if let (true, Some(rail)) = (file.exists(), text(&device.join(format!("rail_name_{channel}")))) {
                    sensors.push(Sensor { name: format!("ina3221 {rail}"), power: Power::Direct(file, 1e-3) });
                }
            }
        }
    }
    sensors
}

fn battery(sys: &Path) -> Result<Sensor, String> {
    let mut reason = "no power sensor: no INA monitor and no battery below /sys".to_string();
    for folder in folders(&sys.join("class/power_supply")) {
        if text(&folder.join("type")).as_deref() != Some("Battery") {
            continue;
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let status = text(&folder.join("status")).unwrap_or_default();
        if status != "Discharging" {
            reason = format!("battery {name} is not being discharged, so its power is not the board's");
            continue;
        }
        let file = |kind: &str| folder.join(kind);
        let power = if file("power_now").exists() {
            Power::Direct(file("power_now"), 1e-6)
        } else {
            Power::Product((file("voltage_now"), 1e-6), (file("current_now"), 1e-6))
        };
        return Ok(Sensor { name: format!("battery {name}"), power });
    }
    Err(reason)
}

/// Folders and links to folders in a folder, by name; none if it does not exist.
fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn text(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_string())
}

fn number(path: &Path) -> Option<f64> {
    text(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sys(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{content}\n")).unwrap();
        }
        folder
    }

    #[test]
    fn jetson_with_hwmon_uses_the_rail_of_the_whole_board() {
        let sys = sys(&[
            ("class/hwmon/hwmon0/name", "cpu_thermal"),
            ("class/hwmon/hwmon3/name", "ina3221"),
            ("class/hwmon/hwmon3/in1_label", "VDD_CPU_GPU_CV"),
            ("class/hwmon/hwmon3/in1_input", "5000"),
            ("class/hwmon/hwmon3/curr1_input", "200"),
            ("class/hwmon/hwmon3/in2_label", "VDD_IN"),
            ("class/hwmon/hwmon3/in2_input", "5000"),
            ("class/hwmon/hwmon3/curr2_input", "1400"),
        ]);
        let sensor = find(sys.path()).unwrap();
        assert_eq!(sensor.name, "ina3221 VDD_IN");
        assert!((sensor.watts().unwrap() - 7.0).abs() < 1e-9);
    }

    #[test]
    fn jetson_nano_with_iio() {
        let sys = sys(&[
            ("bus/i2c/drivers/ina3221x/6-0040/iio:device0/rail_name_0", "POM_5V_IN"),
            ("bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input", "2345"),
        ]);
        let sensor = find(sys.path()).unwrap();
        assert_eq!((sensor.name.as_str(), sensor.watts()), ("ina3221 POM_5V_IN", Some(2.345)));
    }

    #[test]
    fn a_battery_counts_while_it_is_discharged() {
        let files = |status| {
            [
                ("class/power_supply/AC/type", "Mains"),
                ("class/power_supply/BAT0/type", "Battery"),
                ("class/power_supply/BAT0/status", status),
                ("class/power_supply/BAT0/voltage_now", "12000000"),
                ("class/power_supply/BAT0/current_now", "-500000"),
            ]
        };
        let discharging = sys(&files("Discharging"));
        assert_eq!(find(discharging.path()).unwrap().watts(), Some(6.0));
        let meter = PowerMeter::start(discharging.path());
        let Energy::Measured { mean_w, samples, .. } = meter.stop(4) else { panic!("not measured") };
        assert!(mean_w == 6.0 && samples >= 1);
        assert!(find(sys(&files("Charging")).path()).unwrap_err().contains("not being discharged"));
        assert!(find(sys(&[]).path()).unwrap_err().contains("no power sensor"));
    }
}
