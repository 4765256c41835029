//! Microphones: a stream of sound from a device or a command.

mod alsa;

use std::io::{self, Cursor, Read};

use edgefuse::config::{Microphone, MicrophoneAddress, MicrophoneChannel, Source};
use edgefuse::media::audio::{Channel, LiveReader};

use super::child::ChildStream;
use super::stop::Stop;

/// Opens the microphone of a source, whose mono samples in [-1, 1] are then read at `sample_rate` Hz. Reading from it fails
/// if it delivers nothing for `stall` of the source.
///
/// # Errors
/// One line.
pub fn open(microphone: &Microphone, source: &Source, sample_rate: u32, stop: &Stop) -> Result<LiveReader, String> {
    let channel = match microphone.channel {
        MicrophoneChannel::Mix => Channel::Mix,
        MicrophoneChannel::One(number) => Channel::Index(number.into()),
    };
    let reader = match &microphone.address {
        MicrophoneAddress::Alsa(name) => {
            let device = alsa::Device::open(name, microphone.rate, microphone.channel, source.stall, stop)?;
            let header = device.format().wav_header(u32::MAX);
            return LiveReader::of_channel(Cursor::new(header).chain(device), sample_rate, channel)
                .map_err(|error| format!("alsa://{name}: {error}"));
        }
        MicrophoneAddress::Command(words) => {
            let mut child = ChildStream::start(words, &source.folder, source.stall, stop)?;
            // The end of a command that writes nothing says more than its empty output.
            let mut first = [0; 1];
            match child.read(&mut first) {
                Ok(0) => return Err(child.ending()),
                Ok(_) => LiveReader::of_channel(Cursor::new(first).chain(Explained(child)), sample_rate, channel),
                Err(error) => return Err(error.to_string()),
            }
        }
    };
    reader.map_err(|error| error.to_string())
}

/// A command whose failure is an error of the stream.
struct Explained(ChildStream);

impl Read for Explained {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.0.read(bytes)? {
            0 if !bytes.is_empty() => match self.0.ending() {
                ending if ending.ends_with(" ended") => Ok(0),
                ending => Err(io::Error::other(ending)),
            },
            count => Ok(count),
        }
    }
}
