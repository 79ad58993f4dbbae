//! The one table of names: which column or key holds which field.
//!
//! Names are compared without case, spaces, `_`, `-` and byte order marks. Each field lists its names in order of
//! preference, and where an input has several of them the first one is read: our own word before its aliases.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::log::{Field, Fields};
use crate::read::error::OpenErrorKind;

/// The names of each field, the preferred one first.
pub const NAMES: &[(Field, &[&str])] = &[
    // `updated_at` is the last resort: gateways write it beside `created_at`, and only `created_at` is the request's.
    (
        Field::Time,
        &[
            "time",
            "created_at",
            "time_utc",
            "recorded_at",
            "used_at",
            "timestamp",
            "datetime",
            "date",
            "created",
            "created_time",
            "create_time",
            "时间",
            "记录于",
            "创建时间",
            "日期",
            "記録日時",
            "日時",
            "Registrado el",
            "Fecha",
            "Enregistré à",
            "updated_at",
        ],
    ),
    (Field::Type, &["type", "log_type", "类型", "日志类型", "タイプ", "Tipo"]),
    (Field::Id, &["id", "log_id", "日志 ID", "ログID", "ID de registro", "ID de journal"]),
    (Field::RequestId, &["request_id", "requestid", "req_id", "请求 ID", "リクエストID", "ID de solicitud", "ID de requête"]),
    // one-hub's JSON has `channel_id` and an object `channel`, new-api's JSON calls the number `channel`.
    (Field::Channel, &["channel_id", "channel", "渠道 ID", "渠道", "チャンネル", "Canal", "channel_name", "渠道名称"]),
    (Field::ChannelUuid, &["channel_uuid"]),
    (Field::Model, &["model", "model_name", "模型", "模型名称", "模型名", "モデル", "Modelo", "Modèle"]),
    (Field::UpstreamModel, &["upstream_model", "upstream_model_name", "mapped_model", "上游模型"]),
    (
        Field::OriginModel,
        &[
            "origin_model_name",
            "origin_model",
            "requested_model",
            "请求模型",
            "要求されたモデル",
            "Modelo solicitado",
            "Modèle demandé",
        ],
    ),
    (Field::Group, &["group", "token_group", "group_name", "using_group", "分组", "グループ", "Grupo", "Groupe"]),
    (Field::UserGroup, &["user_group", "用户分组"]),
    (
        Field::User,
        &["user", "username", "user_name", "用户", "用户名", "用户名称", "ユーザー", "ユーザー名", "Usuario", "Utilisateur"],
    ),
    (Field::UserId, &["user_id", "用户 ID", "ユーザーID", "user_uuid"]),
    (Field::Token, &["token", "token_name", "key", "api_key", "key_name", "令牌", "令牌名称", "令牌名", "トークン", "Jeton"]),
    (Field::TokenId, &["token_id", "令牌 ID", "token_uuid"]),
    (Field::Content, &["content", "内容", "详情", "コンテンツ", "Contenido", "Contenu"]),
    (Field::Other, &["other"]),
    (
        Field::PromptTokens,
        &[
            "prompt_tokens",
            "input_tokens",
            "input",
            "prompt",
            "Prompt Tokens (input)",
            "输入",
            "提示",
            "提示Token",
            "提示Tokens",
            "输入Token",
            "输入Tokens",
            "提示令牌",
            "输入令牌",
            "提示令牌 (输入)",
            "プロンプトトークン",
            "プロンプトトークン (入力)",
            "Tokens de prompt (entrada)",
            "Tokens de prompt",
            "Jetons d'invite (entrée)",
            "Jetons d'invite",
        ],
    ),
    (Field::UncachedTokens, &["uncached_tokens", "regular_input_tokens", "uncached_input_tokens", "未缓存"]),
    (
        Field::CachedTokens,
        &[
            "cached_tokens",
            "cached",
            "cache_tokens",
            "cache_read_tokens",
            "cached_prompt_tokens",
            "cached_input_tokens",
            "cache_read_input_tokens",
            "Prompt Tokens (cached)",
            "缓存",
            "缓存Token",
            "缓存Tokens",
            "缓存读取",
            "缓存令牌",
            "提示令牌 (缓存)",
            "プロンプトトークン (キャッシュ済み)",
            "Tokens de prompt (en caché)",
            "Jetons d'invite (mis en cache)",
        ],
    ),
    (
        Field::CompletionTokens,
        &[
            "completion_tokens",
            "output_tokens",
            "output",
            "completion",
            "Completion Tokens (output)",
            "输出",
            "补全",
            "完成",
            "完成Token",
            "完成Tokens",
            "补全Token",
            "补全Tokens",
            "输出Token",
            "输出Tokens",
            "补全令牌",
            "输出令牌",
            "补全令牌 (输出)",
            "補完トークン",
            "補完トークン (出力)",
            "Tokens de completado (salida)",
            "Tokens de completado",
            "Jetons de complétion (sortie)",
            "Jetons de complétion",
        ],
    ),
    (
        Field::CacheWriteTokens,
        &[
            "cache_write_tokens",
            "cache_creation_tokens",
            "cache_creation_input_tokens",
            "缓存写入",
            "缓存创建",
            "缓存写入Tokens",
            "缓存创建Tokens",
        ],
    ),
    (
        Field::CacheWrite5mTokens,
        &[
            "cache_write_5m_tokens",
            "cache_creation_tokens_5m",
            "缓存写入 5m 令牌",
            "キャッシュ書き込み 5m トークン",
            "Tokens de escritura en caché 5m",
            "Jetons écriture cache 5m",
        ],
    ),
    (
        Field::CacheWrite1hTokens,
        &[
            "cache_write_1h_tokens",
            "cache_creation_tokens_1h",
            "缓存写入 1h 令牌",
            "キャッシュ書き込み 1h トークン",
            "Tokens de escritura en caché 1h",
            "Jetons écriture cache 1h",
        ],
    ),
    (Field::AudioInputTokens, &["audio_input_tokens", "input_audio_tokens", "audio_input"]),
    (Field::AudioOutputTokens, &["audio_output_tokens", "output_audio_tokens", "audio_output"]),
    (Field::ImageInputTokens, &["image_input_tokens", "input_image_tokens", "image_tokens"]),
    (Field::Quota, &["quota", "points", "quota_units", "quota_points", "credits", "额度", "消耗额度", "点数", "クォータ", "Cuota"]),
    (
        Field::CostUsd,
        &[
            "cost_usd",
            "cost",
            "usd",
            "amount",
            "price",
            "expense",
            "charge",
            "total_cost",
            "cost ($)",
            "cost (USD)",
            "花费",
            "花费 ($)",
            "花费 (USD)",
            "费用",
            "费用 ($)",
            "费用 (USD)",
            "金额",
            "費用",
            "Gasto",
            "Dépense",
        ],
    ),
    (Field::ModelRatio, &["model_ratio", "模型倍率"]),
    (Field::CompletionRatio, &["completion_ratio", "补全倍率"]),
    (Field::CacheRatio, &["cache_ratio", "缓存倍率"]),
    (Field::CacheWriteRatio, &["cache_write_ratio", "cache_creation_ratio", "create_cache_ratio", "缓存写入倍率", "缓存创建倍率"]),
    (Field::GroupRatio, &["group_ratio", "分组倍率"]),
    (Field::ModelPrice, &["model_price", "模型价格"]),
    (Field::Uuid, &["uuid"]),
    (Field::TraceId, &["trace_id", "追踪 ID", "トレースID", "ID de rastreo", "ID de trace"]),
    (Field::Metadata, &["metadata", "元数据", "メタデータ", "Metadatos", "Métadonnées"]),
    (Field::RequestTime, &["request_time"]),
    (Field::SourceIp, &["source_ip"]),
    (Field::ElapsedTime, &["elapsed_time", "latency", "延迟", "レイテンシ", "Latencia", "Latence"]),
    (
        Field::SystemPromptReset,
        &[
            "system_prompt_reset",
            "system_reset",
            "系统重置",
            "システムリセット",
            "Reinicio del sistema",
            "Réinitialisation système",
        ],
    ),
    (Field::UseTime, &["use_time", "duration_seconds", "用时", "用时(秒)"]),
    (Field::Stream, &["is_stream", "stream", "流式", "ストリーム", "Flujo", "Flux"]),
    (Field::UpstreamRequestId, &["upstream_request_id", "上游请求 ID"]),
];

/// How much a name is preferred among those of its field; 0 is best.
pub type Rank = u8;

static TABLE: LazyLock<HashMap<String, (Field, Rank)>> = LazyLock::new(|| {
    let ranked = |names: &'static [&'static str]| names.iter().zip(1..);
    NAMES.iter().flat_map(|(field, names)| ranked(names).map(|(name, rank)| (normal(name), (*field, rank)))).collect()
});

/// A name as names are compared.
fn normal(name: &str) -> String {
    let folded = name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '\u{feff}'));
    folded.flat_map(char::to_lowercase).map(plain_punctuation).collect()
}

fn plain_punctuation(c: char) -> char {
    match c {
        '（' => '(',
        '）' => ')',
        '’' => '\'',
        _ => c,
    }
}

/// The table of names, under what was mapped by hand.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    mapped: Vec<(Field, String)>,
}

impl Vocabulary {
    pub fn new(map: &[(Field, String)]) -> Vocabulary {
        Vocabulary { mapped: map.to_vec() }
    }

    /// The field that a column of this name holds. A field mapped by hand has no other column, and a column mapped by
    /// hand holds nothing else.
    pub fn field(&self, name: &str) -> Option<(Field, Rank)> {
        let folded = normal(name);
        if let Some((field, _)) = self.mapped.iter().find(|(_, column)| normal(column) == folded) {
            return Some((*field, 0));
        }
        TABLE.get(&folded).copied().filter(|(field, _)| !self.mapped.iter().any(|(mapped, _)| mapped == field))
    }

    /// Of each field that the header has, the index of its column.
    pub fn columns(&self, header: &[String]) -> Vec<(Field, usize)> {
        let mut best: Vec<(Field, Rank, usize)> = Vec::new();
        for (at, name) in header.iter().enumerate() {
            let Some((field, rank)) = self.field(name) else { continue };
            match best.iter_mut().find(|(known, _, _)| *known == field) {
                Some(known) if rank < known.1 => *known = (field, rank, at),
                Some(_) => {}
                None => best.push((field, rank, at)),
            }
        }
        best.into_iter().map(|(field, _, at)| (field, at)).collect()
    }

    /// Whether all columns mapped by hand are among `names`, and whether the names are those of a log.
    pub fn check(&self, names: &[String]) -> Result<(), OpenErrorKind> {
        if let Some((field, column)) = self.mapped.iter().find(|(_, c)| !names.iter().any(|n| normal(n) == normal(c))) {
            let nearest = nearest(column, names.iter().map(String::as_str)).map(str::to_owned);
            return Err(OpenErrorKind::NoColumn { field: *field, column: column.clone(), nearest });
        }
        let known: Fields = names.iter().filter_map(|name| self.field(name)).map(|(field, _)| field).collect();
        match missing(known) {
            None => self.check_twins(names),
            Some(_) if is_config(names) => Err(OpenErrorKind::Config),
            Some(missing) => Err(OpenErrorKind::NotALog { columns: names.to_vec(), missing }),
        }
    }

    /// Of two columns of one name nobody can say which one is meant.
    fn check_twins(&self, names: &[String]) -> Result<(), OpenErrorKind> {
        let read = self.columns(names);
        let twin = |at: usize| names.iter().skip(at + 1).any(|name| normal(name) == normal(&names[at]));
        match read.into_iter().find(|(_, at)| twin(*at)) {
            Some((_, at)) => Err(OpenErrorKind::SameColumn { column: names[at].clone() }),
            None => Ok(()),
        }
    }
}

/// What a log needs and these fields lack.
pub fn missing(fields: Fields) -> Option<&'static str> {
    let charge = fields.contains(Field::Quota) || fields.contains(Field::CostUsd);
    match (fields.contains(Field::Model), charge) {
        (true, true) => None,
        (true, false) => Some("a charge (`quota` or `cost_usd`)"),
        (false, true) => Some("`model`"),
        (false, false) => Some("`model` and a charge (`quota` or `cost_usd`)"),
    }
}

/// Names that only options and price lists have.
fn is_config(names: &[String]) -> bool {
    let has = |name: &str| names.iter().any(|n| normal(n) == name);
    let options = has("key") && has("value") && names.len() <= 4;
    let marks = ["modelratio", "groupratio", "modelprice", "quotatype", "extraratios", "channeltype", "modelconfigs"];
    options || marks.into_iter().any(has)
}

/// The known name that is most like `name`, if any is like it.
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name = normal(name);
    let likeness = |other: &str| strsim::damerau_levenshtein(&name, &normal(other));
    let (distance, best) = known.map(|other| (likeness(other), other)).min_by_key(|(distance, _)| *distance)?;
    (distance * 3 <= name.chars().count().max(3)).then_some(best)
}

/// Why `--map` cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapError {
    NoEquals {
        text: String,
    },
    UnknownField {
        field: String,
        nearest: Option<&'static str>,
    },
    /// Which of two columns counts, or what one column holds, is not said.
    TwoColumns {
        field: Field,
        columns: [String; 2],
    },
    TwoFields {
        column: String,
        fields: [Field; 2],
    },
}

impl std::fmt::Display for MapError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MapError::NoEquals { text } => write!(f, "expected FIELD=COLUMN, found `{text}`"),
            MapError::UnknownField { field, nearest: None } => write!(f, "unknown field `{field}`"),
            MapError::UnknownField { field, nearest: Some(near) } => {
                write!(f, "unknown field `{field}`, did you mean `{near}`?")
            }
            MapError::TwoColumns { field, columns: [one, other] } => write!(f, "two columns for `{field}`: `{one}` and `{other}`"),
            MapError::TwoFields { column, fields: [one, other] } => {
                write!(f, "column `{column}` for two fields: `{one}` and `{other}`")
            }
        }
    }
}

impl std::error::Error for MapError {}

/// Reads all `--map`: each field has one column, and each column holds one field.
pub fn parse_maps(texts: &[String]) -> Result<Vec<(Field, String)>, MapError> {
    let mut map: Vec<(Field, String)> = Vec::new();
    for text in texts {
        let (field, column) = parse_map(text)?;
        let twin = map.iter().find(|(other, name)| (*other == field) != (normal(name) == normal(&column)));
        match twin {
            Some((other, name)) if *other == field => {
                return Err(MapError::TwoColumns { field, columns: [name.clone(), column] });
            }
            Some((other, _)) => return Err(MapError::TwoFields { column, fields: [*other, field] }),
            None => map.push((field, column)),
        }
    }
    Ok(map)
}

/// Reads the `FIELD=COLUMN` of `--map`. The field is a word of the vocabulary or one of its aliases.
pub fn parse_map(text: &str) -> Result<(Field, String), MapError> {
    let (field, column) = text.split_once('=').ok_or_else(|| MapError::NoEquals { text: text.to_owned() })?;
    let known = Field::ALL.iter().copied().find(|f| normal(f.word()) == normal(field));
    match known.or_else(|| TABLE.get(&normal(field)).map(|(field, _)| *field)) {
        Some(field) => Ok((field, column.to_owned())),
        None => {
            let nearest = nearest(field, Field::ALL.iter().map(|f| f.word()));
            Err(MapError::UnknownField { field: field.to_owned(), nearest })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &str, delimiter: char) -> Vec<String> {
        header.split(delimiter).map(str::to_owned).collect()
    }

    /// The words of the fields that a header has, in the order of its columns; `-` where a column holds none.
    #[track_caller]
    fn check(header: &str, delimiter: char, words: &str) {
        let header = names(header, delimiter);
        let columns = Vocabulary::default().columns(&header);
        let word = |at| columns.iter().find(|(_, column)| *column == at).map_or("-", |(field, _)| field.word());
        let found: Vec<&str> = (0..header.len()).map(word).collect();
        assert_eq!(found.join(" "), words);
        assert_eq!(Vocabulary::default().check(&header), Ok(()));
    }

    #[test]
    fn no_name_stands_for_two_fields() {
        let total: usize = NAMES.iter().map(|(_, names)| names.len()).sum();
        let distinct: std::collections::HashSet<(String, Field)> =
            NAMES.iter().flat_map(|(field, names)| names.iter().map(|n| (normal(n), *field))).collect();
        assert_eq!(TABLE.len(), distinct.len(), "a name stands under two fields");
        assert!(distinct.len() <= total);
        for field in Field::ALL {
            assert_eq!(TABLE.get(&normal(field.word())).map(|(f, _)| f), Some(field), "{field} lacks its own word");
        }
    }

    #[test]
    fn database_columns_of_the_gateways() {
        check(
            "id,user_id,created_at,type,content,username,token_name,model_name,quota,prompt_tokens,completion_tokens,use_time,is_stream,channel_id,channel_name,token_id,group,ip,request_id,upstream_request_id,other",
            ',',
            "id user_id time type content user token model quota prompt_tokens completion_tokens use_time is_stream channel - token_id group - request_id upstream_request_id other",
        );
        check(
            "id,user_id,uuid,user_uuid,created_at,type,content,username,token_name,token_uuid,model_name,origin_model_name,quota,prompt_tokens,completion_tokens,channel_id,channel_uuid,request_id,trace_id,updated_at,elapsed_time,is_stream,system_prompt_reset,cached_prompt_tokens,metadata",
            ',',
            "id user_id uuid - time type content user token token_id model origin_model_name quota prompt_tokens completion_tokens channel channel_uuid request_id trace_id - elapsed_time is_stream system_prompt_reset cached_tokens metadata",
        );
        check(
            "id,user_id,created_at,type,content,username,token_name,model_name,quota,prompt_tokens,completion_tokens,channel_id,request_time,is_stream,source_ip,metadata",
            ',',
            "id user_id time type content user token model quota prompt_tokens completion_tokens channel request_time is_stream source_ip metadata",
        );
    }

    #[test]
    fn exports_of_the_gateways() {
        check(
            "\u{feff}time_utc,type,model,token_name,input_tokens,output_tokens,quota_units,duration_seconds,stream,group,request_id,content,user_id,username,channel_id",
            ',',
            "time type model token prompt_tokens completion_tokens quota use_time is_stream group request_id content user_id user channel",
        );
        check(
            "ID,时间,用户名,令牌名称,模型名称,类型,内容,提示Token,完成Token,额度,渠道ID,渠道名称,分组,IP,请求ID,上游请求ID",
            ',',
            "id time user token model type content prompt_tokens completion_tokens quota channel - group - request_id upstream_request_id",
        );
        check(
            "ID,时间,类型,用户,令牌,模型,分组,提示Tokens,补全Tokens,额度,用时(秒),渠道,详情",
            ',',
            "id time type user token model group prompt_tokens completion_tokens quota use_time channel content",
        );
        check(
            "used_at,username,token_name,model_name,request_path,quota,prompt_tokens,completion_tokens,ip,request_id,group,log_type",
            ',',
            "time user token model - quota prompt_tokens completion_tokens - request_id group type",
        );
        check(
            "Time,Type,Model,Token,Username,Quota,Prompt Tokens,Completion Tokens,Cached Prompt Tokens,Cached Completion Tokens,Cache Write 5m Tokens,Cache Write 1h Tokens,Latency,Content",
            ',',
            "time type model token user quota prompt_tokens completion_tokens cached_tokens - cache_write_5m_tokens cache_write_1h_tokens elapsed_time content",
        );
    }

    #[test]
    fn laisky_console_in_every_language() {
        let fields = "time type id model origin_model_name token user channel cost_usd quota prompt_tokens completion_tokens cached_tokens cache_write_5m_tokens cache_write_1h_tokens - elapsed_time request_id trace_id is_stream system_prompt_reset content metadata -";
        for header in [
            "Recorded at|Type|Log ID|Model|Requested Model|Token|User|Channel|Expense|Quota|Prompt Tokens (input)|Completion Tokens (output)|Prompt Tokens (cached)|Cache Write 5m Tokens|Cache Write 1h Tokens|Total Tokens|Latency|Request ID|Trace ID|Stream|System Reset|Content|Metadata|Tracing",
            "记录于|类型|日志 ID|模型|请求模型|令牌|用户|渠道|花费|额度|提示令牌 (输入)|补全令牌 (输出)|提示令牌 (缓存)|缓存写入 5m 令牌|缓存写入 1h 令牌|总令牌|延迟|请求 ID|追踪 ID|流式|系统重置|内容|元数据|追踪",
            "記録日時|タイプ|ログID|モデル|要求されたモデル|トークン|ユーザー|チャンネル|費用|クォータ|プロンプトトークン (入力)|補完トークン (出力)|プロンプトトークン (キャッシュ済み)|キャッシュ書き込み 5m トークン|キャッシュ書き込み 1h トークン|合計トークン|レイテンシ|リクエストID|トレースID|ストリーム|システムリセット|コンテンツ|メタデータ|トレース",
            "Registrado el|Tipo|ID de registro|Modelo|Modelo solicitado|Token|Usuario|Canal|Gasto|Cuota|Tokens de prompt (entrada)|Tokens de completado (salida)|Tokens de prompt (en caché)|Tokens de escritura en caché 5m|Tokens de escritura en caché 1h|Tokens totales|Latencia|ID de solicitud|ID de rastreo|Flujo|Reinicio del sistema|Contenido|Metadatos|Rastreo",
            "Enregistré à|Type|ID de journal|Modèle|Modèle demandé|Jeton|Utilisateur|Canal|Dépense|Quota|Jetons d'invite (entrée)|Jetons de complétion (sortie)|Jetons d'invite (mis en cache)|Jetons écriture cache 5m|Jetons écriture cache 1h|Total des jetons|Latence|ID de requête|ID de trace|Flux|Réinitialisation système|Contenu|Métadonnées|Traçage",
        ] {
            check(header, '|', fields);
        }
    }

    #[test]
    fn plain_logs() {
        check("Model,Input,Cached,Output,Cost", ',', "model prompt_tokens cached_tokens completion_tokens cost_usd");
        check(
            "模型,分组,输入,缓存,输出,额度,费用",
            ',',
            "model group prompt_tokens cached_tokens completion_tokens quota cost_usd",
        );
        check("model,cost,quota,prompt", ',', "model cost_usd quota prompt_tokens");
        check("updated_at,model,created_at,price", ',', "- model time cost_usd");
        check("updated-at,model,USD", ',', "time model cost_usd");
        check("credits,points,quota,model", ',', "- - quota model");
    }

    #[test]
    fn a_column_mapped_by_hand_wins() {
        let vocabulary = Vocabulary::new(&[parse_map("quota=Spent").unwrap(), parse_map("model=Quota").unwrap()]);
        let header = names("id,model,quota,spent", ',');
        assert_eq!(vocabulary.columns(&header), [(Field::Id, 0), (Field::Model, 2), (Field::Quota, 3)]);
        let error = vocabulary.check(&names("model,quota,spend", ',')).unwrap_err();
        assert_eq!(error.to_string(), "`--map quota=Spent`: no column `Spent`");
        assert_eq!(error.hint().unwrap(), "did you mean `spend`?");
    }

    #[test]
    fn a_map_that_names_no_field_is_refused() {
        assert_eq!(
            parse_map("promt_tokens=x").unwrap_err().to_string(),
            "unknown field `promt_tokens`, did you mean `prompt_tokens`?"
        );
        assert_eq!(parse_map("quota").unwrap_err().to_string(), "expected FIELD=COLUMN, found `quota`");
        assert_eq!(parse_map("额度=x"), Ok((Field::Quota, "x".to_owned())));
        let all = |texts: &[&str]| parse_maps(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let problem = |texts: &[&str]| all(texts).unwrap_err().to_string();
        assert_eq!(problem(&["model=A", "quota=C", "model=B"]), "two columns for `model`: `A` and `B`");
        assert_eq!(
            problem(&["prompt_tokens=P", "completion_tokens=p"]),
            "column `p` for two fields: `prompt_tokens` and `completion_tokens`"
        );
        assert_eq!(all(&["model=A", "model=a"]).map(|map| map.len()), Ok(2));
    }

    #[test]
    fn what_is_no_log_is_named() {
        let check = |header: &str| Vocabulary::default().check(&names(header, ',')).unwrap_err();
        let error = check("Username,Request Count,Quota");
        assert_eq!(error.to_string(), "no column for `model`, found `Username`, `Request Count`, `Quota`");
        assert_eq!(check("key,value"), OpenErrorKind::Config);
        assert_eq!(check("model_name,quota_type,model_ratio,model_price"), OpenErrorKind::Config);
    }
}
