//! The file of `--balances`: JSON or CSV with user, before and after, in points.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

use super::outcome::Failure;
use crate::audit::Opening;
use crate::log::whole;
use crate::report;

/// Reads the balances.
pub fn load(path: &Path) -> Result<Vec<Opening>, Failure> {
    let problem = |what: String| {
        let hint = "expected JSON or CSV with `user`, `before` and `after`, in points".to_owned();
        Failure::usage(format!("{}: {what}", path.display()), Some(hint))
    };
    let text = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    let openings = if text.trim_start().starts_with(['{', '[']) { of_json(&text) } else { of_csv(&text) };
    let openings = openings.and_then(once).map_err(problem)?;
    if openings.is_empty() { Err(problem("no user is listed".to_owned())) } else { Ok(openings) }
}

/// Each user once: who is listed twice must have the same balances.
fn once(openings: Vec<Opening>) -> Result<Vec<Opening>, String> {
    let mut users: HashMap<(String, String), Opening> = HashMap::new();
    let mut found = Vec::new();
    for opening in openings {
        match users.insert((opening.user.clone(), opening.user_id.clone()), opening.clone()) {
            None => found.push(opening),
            Some(other) if other == opening => {}
            Some(_) => return Err(format!("user `{}` is listed twice, with different balances", opening.user)),
        }
    }
    Ok(found)
}

/// Tells whose balance cannot be held against the log.
pub fn tell_unknown(users: &[&str], err: &mut dyn Write) -> io::Result<()> {
    users.iter().try_for_each(|user| {
        let user = report::printable(user);
        writeln!(
            err,
            "note: the balance of `{user}` is not checked: rows name users by an id alone, and none tells whose it is; \
             add `user_id` to the file of `--balances`"
        )
    })
}

fn of_json(text: &str) -> Result<Vec<Opening>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let users = value.get("users").unwrap_or(&value);
    match users {
        Value::Array(rows) => rows.iter().map(|row| opening(None, row)).collect(),
        Value::Object(rows) => rows.iter().map(|(name, row)| opening(Some(name), row)).collect(),
        _ => Err("no list of users".to_owned()),
    }
}

fn opening(name: Option<&str>, row: &Value) -> Result<Opening, String> {
    let text = |key: &str| match row.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let user = name.map_or_else(
        || ["user", "username", "name"].map(text).into_iter().find(|n| !n.is_empty()).unwrap_or_default(),
        str::to_owned,
    );
    let points = |key: &str| whole(&text(key)).ok_or_else(|| format!("user `{user}`: `{key}` is no whole number of points"));
    Ok(Opening { before: points("before")?, after: points("after")?, user_id: text("user_id"), user })
}

fn of_csv(text: &str) -> Result<Vec<Opening>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let head = text.lines().next().unwrap_or("");
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|mark| head.bytes().filter(|byte| byte == mark).count());
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.delimiter(delimiter.unwrap_or(b',')).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = |names: &[&str]| header.iter().position(|name| names.contains(&name.to_lowercase().as_str()));
    let needed = |names: &[&str]| column(names).ok_or_else(|| format!("no column `{}`", names[0]));
    let (user, before, after) = (needed(&["user", "username", "name"])?, needed(&["before"])?, needed(&["after"])?);
    let user_id = column(&["user_id", "id"]);
    let mut openings = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let cell = |index: usize| record.get(index).unwrap_or("");
        let points = |index: usize| {
            whole(cell(index)).ok_or_else(|| format!("user `{}`: `{}` is no whole number of points", cell(user), cell(index)))
        };
        openings.push(Opening {
            user: cell(user).to_owned(),
            user_id: user_id.map_or(String::new(), |index| cell(index).to_owned()),
            before: points(before)?,
            after: points(after)?,
        });
    }
    Ok(openings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_columns_are_as_spreadsheets_write_them() {
        for text in
            ["user,before,after\nann,\"1,000\",2\n", "user;before;after\nann;1000;2\n", "user\tbefore\tafter\nann\t1e3\t2.0\n"]
        {
            let openings = of_csv(text).unwrap();
            assert_eq!((openings[0].before, openings[0].after), (1000, 2), "{text}");
        }
        assert_eq!(of_json(r#"[{"user": "ann", "before": "1,000", "after": 2}]"#).unwrap()[0].before, 1000);
        assert!(
            of_csv("user,before,after\nann,1.5,2\n").is_err()
                && of_json(r#"[{"user": "ann", "before": null, "after": 2}]"#).is_err()
        );
    }

    #[test]
    fn a_user_is_listed_once() {
        let read = |text: &str| of_csv(text).and_then(once);
        assert_eq!(read("user,before,after\nann,1,2\nann,1,2\nbob,1,2\n").unwrap().len(), 2);
        assert!(read("user,before,after\nann,1,2\nann,2,3\n").unwrap_err().contains("`ann` is listed twice"));
    }
}
