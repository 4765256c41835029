//! Manifests of records.

use edgefuse::pipeline::Inputs;

use super::{accepted, scratch};

pub(super) fn lines(bytes: &[u8]) -> bool {
    scratch::with_file("records.jsonl", bytes, |path| {
        let mut good = 0;
        let mut all = 0;
        for record in Inputs::mixed(&[path.to_path_buf()]) {
            all += 1;
            good += usize::from(match record {
                Ok(record) => {
                    assert!(record.id.is_some() && !record.name().is_empty(), "a record without a name");
                    assert!(record.files().all(|file| !file.as_os_str().is_empty()));
                    true
                }
                Err(bad) => accepted::<(), _>(Err(bad.problem)).is_some(),
            });
        }
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        assert_eq!(all, lines, "a line without a record or an error");
        good > 0
    })
}
