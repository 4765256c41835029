//! Microphones through ALSA. Its library is opened when it is first needed, so the program also runs on boards without it.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::io::{self, Read};
use std::ptr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use edgefuse::config::MicrophoneChannel;
use libloading::Library;

use super::super::stop::Stop;
use crate::serve::pcm::Format;

/// `SND_PCM_STREAM_CAPTURE`, `SND_PCM_ACCESS_RW_INTERLEAVED`.
const CAPTURE: c_int = 1;
const INTERLEAVED: c_int = 3;

/// `SND_PCM_FORMAT_S16_LE` and `SND_PCM_FORMAT_S32_LE`, with their bytes per sample. Cheap devices have the first, studio
/// interfaces only the second.
const FORMATS: [(c_int, u16); 2] = [(2, 2), (10, 4)];

/// Sound that the device keeps while it is not read, in microseconds.
const BUFFER_TIME: c_uint = 500_000;

/// Sound that is read at a time, in parts of a second.
const READS_PER_SECOND: u32 = 50;

/// Interval at which a reader checks whether the service stops, in milliseconds.
const LOOK: c_int = 200;

/// ALSA's handler of messages has more, variable arguments, which are not read.
type Handler = unsafe extern "C" fn(*const c_char, c_int, *const c_char, c_int, *const c_char);

/// Drops ALSA's own messages: every error is reported once, by us.
unsafe extern "C" fn say_nothing(_: *const c_char, _: c_int, _: *const c_char, _: c_int, _: *const c_char) {}

type Pcm = *mut c_void;
type Params = *mut c_void;

/// The functions that are used (<https://www.alsa-project.org/alsa-doc/alsa-lib/group___p_c_m.html>).
struct Alsa {
    open: unsafe extern "C" fn(*mut Pcm, *const c_char, c_int, c_int) -> c_int,
    close: unsafe extern "C" fn(Pcm) -> c_int,
    allocate: unsafe extern "C" fn(*mut Params) -> c_int,
    free: unsafe extern "C" fn(Params),
    any: unsafe extern "C" fn(Pcm, Params) -> c_int,
    set_access: unsafe extern "C" fn(Pcm, Params, c_int) -> c_int,
    set_format: unsafe extern "C" fn(Pcm, Params, c_int) -> c_int,
    set_channels: unsafe extern "C" fn(Pcm, Params, *mut c_uint) -> c_int,
    set_rate: unsafe extern "C" fn(Pcm, Params, *mut c_uint, *mut c_int) -> c_int,
    set_buffer_time: unsafe extern "C" fn(Pcm, Params, *mut c_uint, *mut c_int) -> c_int,
    set: unsafe extern "C" fn(Pcm, Params) -> c_int,
    wait: unsafe extern "C" fn(Pcm, c_int) -> c_int,
    read: unsafe extern "C" fn(Pcm, *mut c_void, c_ulong) -> c_long,
    recover: unsafe extern "C" fn(Pcm, c_int, c_int) -> c_int,
    explain: unsafe extern "C" fn(c_int) -> *const c_char,
    _library: Library,
}

impl Alsa {
    /// The library, opened once.
    fn get() -> Result<&'static Self, String> {
        static ALSA: OnceLock<Result<Alsa, String>> = OnceLock::new();
        ALSA.get_or_init(Self::load).as_ref().map_err(Clone::clone)
    }

    fn load() -> Result<Self, String> {
        let missing = |error| {
            format!(
                "microphones on ALSA need libasound.so.2 (Debian: apt install libasound2), which cannot be used: {error}"
            )
        };
        // SAFETY: ALSA's library runs no code of its own when it is opened, and the types are those of its header.
        unsafe {
            let library = Library::new("libasound.so.2").map_err(missing)?;
            macro_rules! function {
                ($name:literal) => {
                    *library.get(concat!($name, "\0").as_bytes()).map_err(missing)?
                };
            }
            let set_handler: unsafe extern "C" fn(Handler) -> c_int = function!("snd_lib_error_set_handler");
            set_handler(say_nothing);
            Ok(Alsa {
                open: function!("snd_pcm_open"),
                close: function!("snd_pcm_close"),
                allocate: function!("snd_pcm_hw_params_malloc"),
                free: function!("snd_pcm_hw_params_free"),
                any: function!("snd_pcm_hw_params_any"),
                set_access: function!("snd_pcm_hw_params_set_access"),
                set_format: function!("snd_pcm_hw_params_set_format"),
                set_channels: function!("snd_pcm_hw_params_set_channels_near"),
                set_rate: function!("snd_pcm_hw_params_set_rate_near"),
                set_buffer_time: function!("snd_pcm_hw_params_set_buffer_time_near"),
                set: function!("snd_pcm_hw_params"),
                wait: function!("snd_pcm_wait"),
                read: function!("snd_pcm_readi"),
                recover: function!("snd_pcm_recover"),
                explain: function!("snd_strerror"),
                _library: library,
            })
        }
    }

    /// ALSA's text for a negative result.
    fn check(&self, result: c_int) -> Result<(), String> {
        if result >= 0 {
            return Ok(());
        }
        // SAFETY: returns a constant text for every number.
        let text = unsafe { CStr::from_ptr((self.explain)(result)) };
        Err(text.to_string_lossy().into_owned())
    }
}

/// An open device: a stream of interleaved little-endian samples.
pub struct Device {
    alsa: &'static Alsa,
    pcm: Pcm,
    name: String,
    format: Format,
    stall: Duration,
    stop: Stop,
    block: Vec<u8>,
    position: usize,
}

// SAFETY: a PCM may be used by any thread, by one at a time.
unsafe impl Send for Device {}

impl Device {
    /// Opens a device by its name in ALSA, with the closest rate and number of channels that it has.
    pub fn open(
        name: &str,
        rate: u32,
        channel: MicrophoneChannel,
        stall: Duration,
        stop: &Stop,
    ) -> Result<Self, String> {
        let alsa = Alsa::get()?;
        let wrong = |problem: String| format!("alsa://{name}: {problem}");
        let c_name = CString::new(name).map_err(|_| wrong("a name without NUL is expected".to_string()))?;
        let mut pcm = ptr::null_mut();
        // SAFETY: both pointers are valid during the call.
        let opened = unsafe { (alsa.open)(&raw mut pcm, c_name.as_ptr(), CAPTURE, 0) };
        alsa.check(opened).map_err(|problem| {
            wrong(format!(
                "cannot open: {problem} (`arecord -L` lists the devices; the user must be in the group `audio`)"
            ))
        })?;
        let format = Format { rate, width: 2, channels: 1 };
        let (stop, name) = (stop.clone(), name.to_string());
        let mut device = Device { alsa, pcm, name, format, stall, stop, block: Vec::new(), position: 0 };
        device.format = device.negotiate(rate, channel).map_err(|problem| device.wrong(&problem))?;
        Ok(device)
    }

    /// The format of the stream.
    pub fn format(&self) -> Format {
        self.format
    }

    fn wrong(&self, problem: &str) -> String {
        format!("alsa://{}: {problem}", self.name)
    }

    fn negotiate(&self, rate: u32, channel: MicrophoneChannel) -> Result<Format, String> {
        let (alsa, pcm) = (self.alsa, self.pcm);
        let mut params = ptr::null_mut();
        // SAFETY: the pointer is valid during the call.
        alsa.check(unsafe { (alsa.allocate)(&raw mut params) })?;
        let negotiate = || {
            let mut last = Err("no sample format".to_string());
            for (code, width) in FORMATS {
                // SAFETY: `pcm` is open and `params` allocated, here and below.
                unsafe {
                    alsa.check((alsa.any)(pcm, params))?;
                    alsa.check((alsa.set_access)(pcm, params, INTERLEAVED))?;
                    last = alsa.check((alsa.set_format)(pcm, params, code)).map(|()| width);
                }
                if last.is_ok() {
                    break;
                }
            }
            let width = last.map_err(|problem| format!("neither 16-bit nor 32-bit samples: {problem}"))?;
            let mut channels: c_uint = match channel {
                MicrophoneChannel::Mix => 1,
                MicrophoneChannel::One(number) => c_uint::from(number) + 1,
            };
            let (mut rate, mut time) = (rate, BUFFER_TIME);
            // SAFETY: as above; the numbers are valid during the calls.
            unsafe {
                alsa.check((alsa.set_channels)(pcm, params, &raw mut channels))?;
                alsa.check((alsa.set_rate)(pcm, params, &raw mut rate, ptr::null_mut()))?;
                alsa.check((alsa.set_buffer_time)(pcm, params, &raw mut time, ptr::null_mut()))?;
                alsa.check((alsa.set)(pcm, params))?;
            }
            let channels = u16::try_from(channels).map_err(|_| format!("{channels} channels"))?;
            Ok(Format { rate, width, channels })
        };
        let outcome = negotiate();
        // SAFETY: allocated above, and not used afterwards.
        unsafe { (alsa.free)(params) };
        outcome
    }

    /// Waits for the next sound and replaces the block.
    fn fill(&mut self) -> io::Result<()> {
        let frame = usize::from(self.format.width) * usize::from(self.format.channels);
        let frames = (self.format.rate / READS_PER_SECOND).max(1);
        self.block.resize(frames as usize * frame, 0);
        let started = Instant::now();
        loop {
            if self.stop.is_set() {
                return Err(io::Error::other("the service stops"));
            }
            if started.elapsed() >= self.stall {
                let problem = format!("no sound for {} s", self.stall.as_secs_f64());
                return Err(io::Error::new(io::ErrorKind::TimedOut, self.wrong(&problem)));
            }
            // SAFETY: the PCM is open.
            let ready = unsafe { (self.alsa.wait)(self.pcm, LOOK) };
            let read = match ready {
                0 => continue,
                // SAFETY: the block has room for this many frames.
                1.. => unsafe { (self.alsa.read)(self.pcm, self.block.as_mut_ptr().cast(), c_ulong::from(frames)) },
                failed => c_long::from(failed),
            };
            match usize::try_from(read) {
                Ok(0) => {}
                Ok(read) => {
                    self.block.truncate(read * frame);
                    self.position = 0;
                    return Ok(());
                }
                // An overrun, or a suspended device: some sound is lost, the stream goes on.
                Err(_) => {
                    log::debug!("alsa://{}: some sound was lost (error {read})", self.name);
                    // SAFETY: the PCM is open.
                    let recovered = unsafe { (self.alsa.recover)(self.pcm, read as c_int, 1) };
                    let recovered = self.alsa.check(recovered);
                    recovered.map_err(|problem| io::Error::other(self.wrong(&format!("cannot read: {problem}"))))?;
                }
            }
        }
    }
}

impl Read for Device {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.block.len() {
            self.fill()?;
        }
        let rest = &self.block[self.position..];
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        self.position += count;
        Ok(count)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: opened by `Device::open`, and not used afterwards.
        unsafe { (self.alsa.close)(self.pcm) };
    }
}
