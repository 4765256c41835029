//! Tests of an index as a whole.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;

fn model(name: &str) -> MadeBy {
    MadeBy { name: name.to_string(), digest: "0123456789abcdef".to_string() }
}

fn vector(shelf: Shelf, numbers: &[f32]) -> Vector {
    Vector { shelf, made_by: model("m"), numbers: numbers.to_vec() }
}

fn picture(key: &str, numbers: &[f32], caption: &str) -> Entry {
    let mut item = NewItem::new(ItemKind::Picture);
    item.vectors = vec![vector(Shelf::Picture, numbers)];
    item.text = Some(caption.to_string()).filter(|text| !text.is_empty());
    item.time = Some(1_764_460_800.5);
    let path = Some(format!("/photos/{key}.jpg"));
    Entry { key: key.to_string(), version: "1".to_string(), source: "files".to_string(), path, items: vec![item] }
}

fn by_vector(numbers: &[f32]) -> Query {
    Query { vectors: vec![vector(Shelf::Picture, numbers)], top: 10, ..Query::default() }
}

fn by_words(words: &str) -> Query {
    Query { words: Some(words.to_string()), top: 10, ..Query::default() }
}

fn ids(path: &Path, query: &Query) -> Vec<String> {
    let hits = Index::open(path).unwrap().search(query).unwrap();
    hits.into_iter().map(|hit| hit.item.id).collect()
}

#[test]
fn finds_by_vector_and_by_words_after_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.idx");
    let mut writer = Writer::open(&path).unwrap();
    writer.put(picture("a", &[1.0, 0.0, 0.1], "A red bird")).unwrap();
    writer.put(picture("b", &[0.0, 1.0, 0.0], "Two dogs on grass")).unwrap();
    writer.put(picture("c", &[0.7, 0.7, 0.0], "")).unwrap();
    assert!(Index::open(&path).unwrap().search(&by_words("bird")).unwrap().is_empty(), "not committed yet");
    assert_eq!(writer.version("a").unwrap().as_deref(), Some("1"));
    writer.commit().unwrap();
    assert_eq!(writer.version("a").unwrap().as_deref(), Some("1"));
    assert_eq!(ids(&path, &by_vector(&[1.0, 0.0, 0.0])), ["a", "c", "b"]);
    assert_eq!(ids(&path, &by_words("BIRD?")), ["a"]);
    // Fused: the second by vector is the first by words.
    let both = Query { words: Some("dogs".to_string()), ..by_vector(&[0.7, 0.6, 0.0]) };
    assert_eq!(ids(&path, &both)[0], "b");
    let hit = Index::open(&path).unwrap().search(&both).unwrap().remove(0);
    assert!(hit.words.is_some() && (hit.similarity[&Shelf::Picture] - 0.65).abs() < 0.01, "{hit:?}");
    assert_eq!(hit.item.time, Some(1_764_460_800.5));
    assert_eq!(hit.item.path.as_deref(), Some("/photos/b.jpg"));
}

#[test]
fn a_picture_is_compared_with_pictures_and_with_texts_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path()).unwrap();
    for (key, picture_vector, caption_vector) in [("a", [1.0, 0.0], [0.0, 1.0]), ("b", [0.9, 0.4], [1.0, 0.0])] {
        let mut entry = picture(key, &picture_vector, "caption");
        entry.items[0].vectors.push(vector(Shelf::Text, &caption_vector));
        writer.put(entry).unwrap();
    }
    let mut said = picture("said", &[0.0, 1.0], "said");
    said.items[0] = NewItem { vectors: vec![vector(Shelf::Text, &[1.0, 0.1])], ..NewItem::new(ItemKind::Speech) };
    writer.put(said).unwrap();
    writer.commit().unwrap();
    let vectors = vec![vector(Shelf::Picture, &[1.0, 0.0]), vector(Shelf::Text, &[1.0, 0.0])];
    let query = Query { vectors, of_picture: true, top: 10, ..Query::default() };
    let found = ids(folder.path(), &query);
    assert_eq!(found, ["a", "b", "said"]);
}

#[test]
fn an_entry_is_replaced_or_removed_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut writer = Writer::open(path).unwrap();
    for round in 0..3 {
        for key in ["a", "b", "c"] {
            let mut entry = picture(key, &[1.0, round as f32], &format!("round{round} {key}"));
            entry.items.push(entry.items[0].clone());
            writer.put(entry).unwrap();
        }
        writer.commit().unwrap();
    }
    assert!(ids(path, &by_words("round1")).is_empty());
    assert_eq!(ids(path, &by_words("round2")).len(), 6);
    assert_eq!(ids(path, &by_vector(&[1.0, 0.0])).len(), 6);
    let removed = writer.prune(&mut |key, _| key != "b").unwrap();
    writer.commit().unwrap();
    assert_eq!(removed, 1);
    assert_eq!(ids(path, &by_words("round2")).len(), 4);
    assert_eq!(Index::open(path).unwrap().summary().items, 4);
    assert_eq!(writer.version("b").unwrap(), None);
    assert!(Index::open(path).unwrap().item(0).unwrap().is_none());
}

#[test]
fn filters_limit_what_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path()).unwrap();
    for (number, source) in [(1, "door"), (2, "yard"), (3, "door")] {
        let mut entry = picture(&format!("p{number}"), &[1.0, number as f32], "bird");
        entry.source = source.to_string();
        entry.items[0].time = Some(86_400.0 * f64::from(number));
        writer.put(entry).unwrap();
    }
    writer.commit().unwrap();
    for (filter, expected) in [
        ("source = door", &["p1", "p3"][..]),
        ("time >= 1970-01-03Z", &["p2", "p3"]),
        ("path ~ *p1* or id = p2", &["p1", "p2"]),
        ("kind = frame", &[]),
    ] {
        let filter = Some(Filter::parse(filter).unwrap());
        for query in [by_words("bird"), by_vector(&[1.0, 0.0])] {
            let mut found = ids(folder.path(), &Query { filter: filter.clone(), ..query });
            found.sort();
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn vectors_of_another_model_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path()).unwrap();
    writer.put(picture("a", &[1.0, 0.0], "")).unwrap();
    writer.commit().unwrap();
    let mut other = picture("b", &[1.0, 0.0], "");
    other.items[0].vectors[0].made_by = model("another");
    let error = writer.put(other).unwrap_err().to_string();
    assert!(
        error.contains("its picture vectors were made by m (0123456789abcdef), which is not the given another"),
        "{error}"
    );
    let error = writer.put(picture("b", &[1.0, 0.0, 0.0], "")).unwrap_err().to_string();
    assert!(error.contains("3 numbers, where those of the index have 2"), "{error}");
    assert!(writer.put(picture("b", &[0.0, 0.0], "")).is_err());
    let mut query = by_vector(&[1.0, 0.0]);
    query.vectors[0].made_by.digest = "f".to_string();
    let index = Index::open(folder.path()).unwrap();
    assert!(matches!(index.search(&query), Err(IndexError::OtherModel { .. })));
    // A shelf without vectors has nothing to be compared with.
    query.vectors[0].shelf = Shelf::Text;
    assert!(index.search(&query).unwrap().is_empty());
    for top in [0, MOST_RESULTS + 1] {
        assert!(index.search(&Query { top, ..by_words("a") }).is_err());
    }
    assert!(index.search(&Query { top: 1, ..Query::default() }).is_err());
}

#[test]
fn one_writes_while_others_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path()).unwrap();
    let error = Writer::open(folder.path()).map(drop).unwrap_err().to_string();
    assert!(error.contains("another run"), "{error}");
    let path = folder.path().to_path_buf();
    let reader = std::thread::spawn(move || {
        let mut seen = 0;
        while seen < 50 {
            let now = Index::open(&path).unwrap().search(&by_words("bird")).unwrap().len();
            assert!(now >= seen.min(10));
            seen = Index::open(&path).unwrap().summary().items as usize;
        }
    });
    for number in 0..50 {
        writer.put(picture(&format!("{number}"), &[1.0, 1.0], "bird")).unwrap();
        writer.commit().unwrap();
    }
    reader.join().unwrap();
    drop(writer);
    Writer::open(folder.path()).unwrap();
}

#[test]
fn damage_and_foreign_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.idx");
    let open = |path: &Path| Index::open(path).map(drop).unwrap_err().to_string();
    assert!(open(&path).contains("not an index: there is nothing at this path"));
    fs::write(&path, "x").unwrap();
    assert!(open(&path).contains("not an index: it is not a folder"));
    assert!(Writer::open(&path).is_err());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(open(&path).contains("has no records.redb"));
    fs::write(path.join("holiday.jpg"), "x").unwrap();
    let error = Writer::open(&path).map(drop).unwrap_err().to_string();
    assert!(error.contains("the folder contains \"holiday.jpg\""), "{error}");
    fs::remove_file(path.join("holiday.jpg")).unwrap();
    let mut writer = Writer::open(&path).unwrap();
    for number in 0..200 {
        writer.put(picture(&format!("{number}"), &[1.0, number as f32], "bird on a tree")).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    let names = ["records.redb", "rows", "picture.i8", "picture.f16"];
    for name in names {
        let whole = fs::read(path.join(name)).unwrap();
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(path.join(name), &whole[..length]).unwrap();
            let query = Query { words: Some("bird".to_string()), ..by_vector(&[1.0, 0.0]) };
            let searched = Index::open(&path).and_then(|index| index.search(&query)).map(drop);
            // An indexer that finds nothing to do must notice it, too.
            let written = Writer::open(&path).map(drop);
            for outcome in [searched, written] {
                let refused = matches!(outcome, Err(IndexError::Damaged { .. } | IndexError::NotAnIndex { .. }));
                assert!(refused, "{name} cut to {length}: {outcome:?}");
            }
        }
        fs::remove_file(path.join(name)).unwrap();
        let missing = Index::open(&path).and_then(|index| index.search(&by_vector(&[1.0, 0.0]))).unwrap_err();
        assert!(matches!(missing, IndexError::Damaged { .. } | IndexError::NotAnIndex { .. }), "{missing}");
        assert!(Writer::open(&path).is_err(), "{name} is missing");
        fs::write(path.join(name), &whole).unwrap();
    }
    assert_eq!(ids(&path, &by_words("tree")).len(), 10);
    let mut random = fastrand::Rng::with_seed(1);
    for name in names {
        let whole = fs::read(path.join(name)).unwrap();
        for _ in 0..8 {
            let mut bytes = whole.clone();
            (0..64).for_each(|_| bytes[random.usize(..whole.len())] = random.u8(..));
            fs::write(path.join(name), &bytes).unwrap();
            // Whatever was found, it must not end the process.
            let _ = Index::open(&path).and_then(|index| index.search(&by_words("tree bird")));
            let _ = Index::open(&path).and_then(|index| index.search(&by_vector(&[1.0, 0.5])));
            let _ = Writer::open(&path).and_then(|mut writer| {
                writer.version("7")?;
                writer.prune(&mut |_, _| true)
            });
        }
        fs::write(path.join(name), &whole).unwrap();
    }
}

#[test]
fn recall_is_that_of_exact_search() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(11);
    let mut vector = || (0..32).map(|_| random.f32() + random.f32() + random.f32() - 1.5).collect::<Vec<f32>>();
    let vectors: Vec<Vec<f32>> = (0..3000).map(|_| vector()).collect();
    let mut writer = Writer::open(folder.path()).unwrap();
    for (number, numbers) in vectors.iter().enumerate() {
        writer.put(picture(&format!("{number}"), numbers, "")).unwrap();
        if number % 700 == 0 {
            writer.commit().unwrap();
        }
    }
    writer.commit().unwrap();
    let length = |vector: &[f32]| vector.iter().map(|it| it * it).sum::<f32>().sqrt();
    let index = Index::open(folder.path()).unwrap();
    let (mut right, mut all) = (0, 0);
    for _ in 0..50 {
        let query = vector();
        let cosine = |it: &[f32]| it.iter().zip(&query).map(|(a, b)| a * b).sum::<f32>() / length(it);
        let mut exact: Vec<usize> = (0..vectors.len()).collect();
        exact.sort_by(|one, other| cosine(&vectors[*other]).total_cmp(&cosine(&vectors[*one])));
        let found = index.search(&by_vector(&query)).unwrap();
        right += found.iter().filter(|hit| exact[..10].iter().any(|it| hit.item.id == it.to_string())).count();
        all += 10;
    }
    assert!(right as f64 >= 0.99 * f64::from(all), "{right} of {all}");
}

#[test]
fn an_index_on_a_read_only_file_system_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path()).unwrap();
    writer.put(picture("a", &[1.0], "bird")).unwrap();
    writer.commit().unwrap();
    drop(writer);
    fs::remove_file(folder.path().join("gate")).unwrap();
    let read_only = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o555);
    fs::set_permissions(folder.path(), read_only).unwrap();
    assert_eq!(ids(folder.path(), &by_words("bird")), ["a"]);
    let writable = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs::set_permissions(folder.path(), writable).unwrap();
}

#[test]
fn a_reader_that_stays_delays_the_writer_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path()).unwrap();
    writer.put(picture("a", &[1.0], "bird")).unwrap();
    writer.commit().unwrap();
    writer.put(picture("b", &[1.0], "bird")).unwrap();
    let index = Index::open(folder.path()).unwrap();
    let committing = std::thread::spawn(move || writer.commit());
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(index.search(&by_words("bird")).unwrap().len(), 1, "the index as it was");
    drop(index);
    committing.join().unwrap().unwrap();
    assert_eq!(ids(folder.path(), &by_words("bird")).len(), 2);
}
