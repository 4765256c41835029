//! What the sources of a device file are for: their steps, and who uses whom.

use std::collections::BTreeSet;

use edgefuse::config::{Device, Join, Source, SourceKind, Step, Trigger};
use edgefuse::pipeline::text_keys;

use crate::serve::outlook::{Outlook, Outlooks};

/// The steps of a source's records.
pub fn steps<'a>(source: &'a Source, device: &'a Device) -> &'a [Step] {
    source.pipeline.as_deref().unwrap_or(&device.pipeline)
}

/// The joins of a device, with their names.
pub fn joins(device: &Device) -> impl Iterator<Item = (&str, &Source, &Join)> {
    device.sources.iter().filter_map(|(name, source)| match &source.kind {
        SourceKind::Join(join) => Some((name.as_str(), source, join)),
        _ => None,
    })
}

/// Whether a source makes records of its own: one that only a join needs has none of `every`, `when` and `pipeline`.
pub fn makes_records(name: &str, source: &Source, device: &Device) -> bool {
    let named: BTreeSet<&str> =
        joins(device).flat_map(|(_, _, join)| [join.picture.as_str(), join.sound.as_str()]).collect();
    !named.contains(name) || source.every.is_some() || source.when.is_some() || source.pipeline.is_some()
}

/// The steps that see a camera's pictures: its own, and those of joins.
pub fn joined_steps(name: &str, source: &Source, device: &Device) -> Vec<Step> {
    let joins = joins(device).filter(|(_, _, join)| join.picture == name);
    let own = steps(source, device).iter();
    own.chain(joins.flat_map(|(_, source, _)| steps(source, device))).cloned().collect()
}

/// What the sources of a device may report.
pub fn outlooks(device: &Device) -> Outlooks {
    device.sources.iter().map(|(name, source)| (name.clone(), outlook(name, source, device))).collect()
}

fn outlook(name: &str, source: &Source, device: &Device) -> Outlook {
    let makes_records = makes_records(name, source, device);
    let (is_camera, is_microphone) =
        (matches!(source.kind, SourceKind::Camera(_)), matches!(source.kind, SourceKind::Microphone(_)));
    Outlook {
        motion: is_camera && matches!(source.when, Some(Trigger::Motion(_))),
        speech: is_microphone && matches!(source.when, None | Some(Trigger::Speech)),
        texts: text_keys(if makes_records { steps(source, device) } else { &[] }).collect(),
        pictures: makes_records && (is_camera || matches!(source.kind, SourceKind::Join(_))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sources_may_report_follows_from_the_device_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.yaml");
        let text = "device: board\nsources:\n  door: {camera: 'exec:x', when: motion, pipeline: [caption, embed]}\n  yard: \
                    {camera: 'exec:x', pipeline: [ask]}\n  eye: {camera: 'exec:x'}\n  ear: {microphone: 'exec:x'}\n  mic: \
                    {microphone: 'exec:x', when: interval, pipeline: [transcribe]}\n  both: {join: {picture: eye, sound: \
                    ear}}\n  list: {manifest: a.jsonl}\npipeline: [transcribe, caption]\n";
        std::fs::write(&path, text).unwrap();
        let outlooks = outlooks(&Device::load(&path).unwrap());
        let none = Outlook::default();
        for (name, expected) in [
            ("door", Outlook { motion: true, texts: vec!["caption"], pictures: true, ..none.clone() }),
            ("yard", Outlook { texts: vec!["answer"], pictures: true, ..none.clone() }),
            ("eye", none.clone()),
            ("ear", Outlook { speech: true, ..none.clone() }),
            ("mic", Outlook { texts: vec!["transcript"], ..none.clone() }),
            ("both", Outlook { texts: vec!["transcript", "caption"], pictures: true, ..none.clone() }),
            ("list", Outlook { texts: vec!["transcript", "caption"], ..none.clone() }),
        ] {
            assert_eq!(outlooks[name], expected, "{name}");
        }
    }
}
