//! File name extensions of sound files, for scanning folders. A file's content decides what it is.

/// Extensions of recordings, and of films, whose sound is a recording; in lower case. Those in the last two lines are
/// read through ffmpeg.
pub const EXTENSIONS: &[&str] = &[
    "wav", "wave", "mp3", "mp2", "flac", "ogg", "oga", "opus", "ogx", "m4a", "m4b", "aac", "adts", "aif", "aiff",
    "aifc", "caf", "mka", "weba", "mp4", "m4v", "mov", "3gp", "3g2", "mkv", "webm", "ogv", "ogm", "spx", "wma", "amr",
    "au", "snd", "ac3", "eac3", "dts", "w64", "wv", "ape", "tta", "tak", "mpc", "ra", "rm", "voc", "wmv", "asf", "avi",
    "flv", "mpg", "mpeg", "ts", "mts", "m2ts", "vob", "mxf",
];
