//! `quota infer` on logs of gateways whose rows name no group: Laisky's go by the channel, one-hub's without details by the user.

use std::path::{Path, PathBuf};

use quota::exact::{Exact, Ratio};

use crate::infer::{all_match, has, infer};
use crate::run::{audit, quota};

fn ratio(text: &str) -> Ratio {
    text.parse().unwrap()
}

/// What a model costs in a channel: ratio, completion ratio, and the rate of cached tokens by itself.
type Price = [&'static str; 3];

/// Rows of two models in three channels; `cost = ceil(plain·ratio·group + cached·rate·group + output·ratio·completion·group)`.
fn write_laisky(folder: &Path, channels: &[(&str, &str)], price: &dyn Fn(&str, &str) -> Price) -> PathBuf {
    let mut text =
        "created_at,type,username,model_name,quota,prompt_tokens,completion_tokens,channel_id,trace_id,cached_prompt_tokens,metadata\n"
            .to_owned();
    for row in 0..12 {
        for (at, (channel, group)) in channels.iter().enumerate() {
            for model in ["plain-x", "own-x"] {
                let [model_ratio, completion, rate] = price(model, channel).map(ratio);
                let (plain, output) = (100_003 + row * 7_919 + at as i64 * 1_777, 1_009 + row * row * 131);
                let cached = if row % 3 == 0 { 20_011 + row * 977 } else { 0 };
                let input = (Exact::from(plain) + Exact::from(output) * completion) * model_ratio;
                let quota = ((input + Exact::from(cached) * rate) * ratio(group)).ceil();
                let prompt = plain + cached;
                let details = r#""{""user_api_format"":""chat""}""#;
                let time = 1_795_475_000 + row;
                text += &format!("{time},2,ann,{model},{quota},{prompt},{output},{channel},t{row},{cached},{details}\n");
            }
        }
    }
    let path = folder.join("log.csv");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn what_all_channels_of_laisky_agree_on_is_a_plain_price() {
    let folder = tempfile::tempdir().unwrap();
    let price = |model: &str, _: &str| if model == "plain-x" { ["1.25", "4", "0.625"] } else { ["0.3", "3.5", "0.1"] };
    let log = write_laisky(folder.path(), &[("7", "1"), ("8", "0.85"), ("9", "0.06")], &price);
    let (config, text) = infer(&log, folder.path(), &[]);
    has(&text, "\"plain-x\" = { cached_input_ratio = 0.625 }");
    has(&text, "\"own-x\" = { cached_input_ratio = 0.1 }");
    for line in ["[channel.\"8\"]", "groups = [\"channel 8\"]", "\"plain-x\" = 4", "\"own-x\" = 3.5"] {
        has(&text, line);
    }
    // Of one channel the ratio is taken as 1.
    let number = |line: &str| text.lines().find_map(|found| found.strip_prefix(line)?.split("  #").next()?.parse::<Ratio>().ok());
    let [model, of_7, of_8, of_9] =
        ["\"plain-x\" = ", "\"channel 7\" = ", "\"channel 8\" = ", "\"channel 9\" = "].map(|line| number(line).unwrap());
    let products = [of_7, of_8, of_9].map(|of| Exact::from(model) * of);
    assert_eq!(products, ["1.25", "1.0625", "0.075"].map(|text| Exact::from(ratio(text))), "{text}");
    all_match(&log, &config, 72, &text);
}

#[test]
fn a_price_that_goes_by_channel_is_the_channels() {
    let folder = tempfile::tempdir().unwrap();
    let price = |model: &str, channel: &str| match (model, channel) {
        ("plain-x", _) => ["1.25", "4", "0.625"],
        (_, "7") => ["0.3", "3.5", "0.1"],
        _ => ["0.5", "2", "0.25"],
    };
    let log = write_laisky(folder.path(), &[("7", "1"), ("8", "1")], &price);
    let (config, text) = infer(&log, folder.path(), &[]);
    has(&text, "\"plain-x\" = 1.25");
    has(&text, "\"own-x\" = { ratio = 0.3, completion_ratio = 3.5, cached_input_ratio = 0.1 }");
    has(&text, "\"own-x\" = { ratio = 0.5, completion_ratio = 2, cached_input_ratio = 0.25 }");
    all_match(&log, &config, 48, &text);
    let checked = quota(&["config", "check", config.to_str().unwrap()]);
    assert!(checked.code == 0 && checked.out.contains("0 errors, 0 warnings"), "{}{}", checked.out, checked.err);
}

/// `channel.NAME` lies over `channel.*`, and that over the plain maps.
#[test]
fn what_is_said_of_a_channel_lies_over_what_is_said_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.csv");
    let header =
        "created_at,type,username,model_name,quota,prompt_tokens,completion_tokens,channel_id,trace_id,cached_prompt_tokens";
    // 1000 tokens in, 100 of them cached, 10 out, at groups of 1, 1 and 0.5.
    let (any, own, none) = (1_800 + 50 + 60, 900 * 3 + 50 + 90, 955);
    std::fs::write(
        &log,
        format!("{header}\n1,2,a,m,{any},1000,10,4,t,100\n2,2,a,m,{own},1000,10,5,t,100\n3,2,a,m,{none},1000,10,,t,100\n"),
    )
    .unwrap();
    let config = folder.path().join("config.toml");
    let said = "profile = \"laisky\"\nmodel_ratio = { m = 2 }\ncompletion_ratio = { m = 3 }\ngroup_ratio = { one = 1, half = 0.5, third = 0.3 }\n\
                [channel.\"*\"]\ngroups = [\"half\"]\nmodel.m = { cached_input_ratio = 0.5 }\n\
                [channel.4]\ngroups = [\"one\"]\n[channel.5]\ngroups = [\"one\"]\nmodel.m = { ratio = 3 }\n";
    std::fs::write(&config, said).unwrap();
    let audited = audit(&log, &["--config", config.to_str().unwrap()]);
    assert_eq!(audited.total("matched"), 3, "{:?}", audited.rows);
    // The smallest ratio of its groups counts.
    std::fs::write(&config, said.replace("[channel.5]\ngroups = [\"one\"]", "[channel.5]\ngroups = [\"one\", \"third\"]")).unwrap();
    let audited = audit(&log, &["--config", config.to_str().unwrap()]);
    assert_eq!((audited.total("matched"), audited.total("overcharged")), (2, 1), "{:?}", audited.rows);
    std::fs::write(&config, said.replace("{ ratio = 3 }", "{ unknown = true }")).unwrap();
    let audited = audit(&log, &["--config", config.to_str().unwrap()]);
    assert_eq!((audited.total("matched"), audited.total("unrated")), (2, 1), "{:?}", audited.rows);
}

#[test]
fn a_word_of_a_channel_that_is_not_known_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "[group_ratio]\nvip = 1\n[channel.7]\ngroups = [\"vpi\"]\nmodel.m = { ratoi = 1, ratio = -1 }\n")
        .unwrap();
    let checked = quota(&["config", "check", config.to_str().unwrap()]);
    let told = checked.out + &checked.err;
    for part in ["did you mean `ratio`?", "negative ratio `-1`"] {
        assert!(told.contains(part), "no {part} in\n{told}");
    }
}

/// one-hub: `ceil(prompt·input·group + completion·output·group)`. Without metadata a row shows neither group nor ratios.
#[test]
fn a_log_of_one_hub_without_details_gives_each_user_a_ratio() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.csv");
    let mut text =
        "created_at,type,username,model_name,quota,prompt_tokens,completion_tokens,channel_id,request_time,source_ip\n".to_owned();
    for row in 0..36 {
        let (user, group) = [("ann", "1"), ("bob", "0.85"), ("cat", "0.3")][usize::try_from(row % 3).unwrap()];
        let (prompt, output) = (100_003 + row * 7_919, 1_009 + row * row * 131);
        let tokens = Exact::from(prompt) * ratio("1.25") + Exact::from(output) * ratio("5");
        let quota = (tokens * ratio(group)).ceil();
        text += &format!("{},2,{user},m-x,{quota},{prompt},{output},3,7,1.2.3.4\n", 1_770_000_000 + row);
    }
    // The token of one row had another group: this is not known.
    text += "1770000100,2,cat,m-x,125000,100000,0,3,7,1.2.3.4\n";
    std::fs::write(&log, text).unwrap();
    let (config, text) = infer(&log, folder.path(), &[]);
    for line in ["\"user bob\" = ", "\"m-x\" = "] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{text}");
    }
    let audited = audit(&log, &["--config", config.to_str().unwrap()]);
    assert_eq!((audited.total("matched"), audited.total("unrated")), (36, 1), "{text}");
}
