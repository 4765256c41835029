//! The commands that deliver the frames of cameras that are not read in process.

use std::env;
use std::path::Path;

use super::Wanted;

/// The command for a camera on the board's camera connector: whichever of the boards' programs is installed.
///
/// # Errors
/// One line if none is.
pub fn csi(number: u32, wanted: Wanted) -> Result<Vec<String>, String> {
    csi_with(number, wanted, &is_installed)
}

fn csi_with(number: u32, wanted: Wanted, is_installed: &dyn Fn(&str) -> bool) -> Result<Vec<String>, String> {
    let (width, height) = size(wanted);
    let rate = (wanted.fps.ceil() as u32).max(1);
    // Raspberry Pi OS, since Bookworm and before.
    for program in ["rpicam-vid", "libcamera-vid"] {
        if is_installed(program) {
            let command = format!(
                "{program} --camera {number} --timeout 0 --nopreview --codec mjpeg --width {width} --height {height} \
                 --framerate {rate} --flush --output -"
            );
            return Ok(command.split_whitespace().map(String::from).collect());
        }
    }
    // NVIDIA's boards.
    if is_installed("gst-launch-1.0") {
        let command = format!(
            "gst-launch-1.0 -q nvarguscamerasrc sensor-id={number} ! \
             video/x-raw(memory:NVMM),width={width},height={height},framerate={rate}/1 ! nvjpegenc ! fdsink fd=1"
        );
        return Ok(command.split_whitespace().map(String::from).collect());
    }
    Err(format!(
        "csi://{number} needs rpicam-vid or libcamera-vid (Raspberry Pi: rpicam-apps) or gst-launch-1.0 (Jetson); none is \
         installed"
    ))
}

/// The command for anything that ffmpeg opens by its address. Frames are taken at `fps` and, without a size, scaled to the
/// smallest that the models can use.
pub fn ffmpeg(url: &str, wanted: Wanted) -> Vec<String> {
    let mut words: Vec<String> =
        ["ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-loglevel", "error"].map(String::from).to_vec();
    let mut add = |more: &[&str]| words.extend(more.iter().map(ToString::to_string));
    if url.starts_with("rtsp") {
        // Over UDP, lost packets become grey frames.
        add(&["-rtsp_transport", "tcp"]);
    }
    if url.starts_with("file:") {
        // A film is played, not copied.
        add(&["-re"]);
    } else {
        add(&["-fflags", "nobuffer", "-flags", "low_delay"]);
    }
    let scale = match wanted.size {
        Some(size) => format!("scale={}:{}", size.width, size.height),
        None => {
            // The shorter side, never enlarged; the other by the aspect ratio, and even.
            let least = wanted.least.width.max(wanted.least.height);
            format!("scale=w='if(gt(iw,ih),-2,min(iw,{least}))':h='if(gt(iw,ih),min(ih,{least}),-2)'")
        }
    };
    let filter = format!("fps={},{scale}", wanted.fps);
    add(&["-i", url, "-an", "-sn", "-dn", "-vf", &filter, "-c:v", "mjpeg", "-q:v", "3", "-f", "image2pipe"]);
    add(&["-flush_packets", "1", "pipe:1"]);
    words
}

/// Width and height for cameras that need both.
fn size(wanted: Wanted) -> (u32, u32) {
    match wanted.size {
        Some(size) => (size.width, size.height),
        // 4:3, which every sensor has.
        None => {
            let height = wanted.least.width.max(wanted.least.height).next_multiple_of(48);
            (height / 3 * 4, height)
        }
    }
}

fn is_installed(program: &str) -> bool {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).any(|folder| folder.is_absolute() && Path::new(&folder).join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgefuse::config::FrameSize;

    const WANTED: Wanted = Wanted { size: None, least: FrameSize { width: 384, height: 384 }, fps: 2.0 };

    #[test]
    fn the_boards_own_program_is_used() {
        let pi = csi_with(1, WANTED, &|program| program == "libcamera-vid").unwrap().join(" ");
        assert!(pi.starts_with("libcamera-vid --camera 1 ") && pi.contains("--width 512 --height 384"), "{pi}");
        let jetson = csi_with(0, WANTED, &|program| program == "gst-launch-1.0").unwrap().join(" ");
        assert!(jetson.contains("nvarguscamerasrc sensor-id=0 ! ") && jetson.contains("framerate=2/1"), "{jetson}");
        assert!(csi_with(0, WANTED, &|_| false).unwrap_err().contains("none is installed"));
    }

    #[test]
    fn ffmpeg_gets_the_address_as_one_argument() {
        let url = "rtsp://u:p@cam/live stream?a=1";
        let words = ffmpeg(url, WANTED);
        let input = words.iter().position(|word| word == "-i").unwrap();
        assert_eq!(words[input + 1], url);
        assert!(words.contains(&"-rtsp_transport".to_string()) && !words.contains(&"-re".to_string()));
        let sized = Wanted { size: Some(FrameSize { width: 640, height: 360 }), ..WANTED };
        assert!(ffmpeg("file:a.mp4", sized).contains(&"fps=2,scale=640:360".to_string()));
    }
}
