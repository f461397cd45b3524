#include "parse/sql_internal.h"

/* Known to change nothing, in all supported databases that have them. Any other function makes a statement more than a reader.
 */
static const char harmless[] = "abs acos age any_value array_agg array_append array_cat array_length array_position "
                               "array_remove array_to_json array_to_string ascii asin atan atan2 avg "
                               "bit_and bit_length bit_or bool_and bool_or btrim cardinality cast cbrt ceil ceiling char "
                               "char_length character_length charindex chr coalesce concat "
                               "concat_ws convert cos cosh cot count covar_pop covar_samp cume_dist curdate current_catalog "
                               "current_database current_date current_schema "
                               "current_schemas current_time current_timestamp current_user curtime database date date_add "
                               "date_bin date_diff date_format date_part date_sub "
                               "date_trunc dateadd datediff datename datepart datetime day dayname dayofmonth dayofweek "
                               "dayofyear decode degrees dense_rank div encode every exp "
                               "extract field find_in_set first_value floor format format_type from_unixtime gcd "
                               "generate_series getdate glob greatest group_concat grouping hex "
                               "hour if ifnull iif initcap instr isnull isnumeric json json_agg json_array json_array_elements "
                               "json_array_elements_text json_array_length json_build_array "
                               "json_build_object json_contains json_each json_each_text json_extract json_extract_path "
                               "json_extract_path_text json_group_array json_group_object "
                               "json_keys json_object json_object_agg json_object_keys json_query json_quote json_search "
                               "json_set json_type json_typeof json_unquote json_valid json_value "
                               "jsonb jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_array_length "
                               "jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text "
                               "jsonb_extract_path jsonb_extract_path_text jsonb_object_agg jsonb_object_keys "
                               "jsonb_path_exists jsonb_path_query jsonb_pretty jsonb_set jsonb_typeof "
                               "julianday justify_days justify_hours justify_interval lag last_day last_value lcase lead least "
                               "left len length like ln localtime localtimestamp locate log "
                               "log10 log2 lower lpad ltrim make_date make_interval make_time make_timestamp make_timestamptz "
                               "max md5 mid min minute mod mode month monthname now nth_value ntile "
                               "nullif nvl nvl2 obj_description octet_length overlay parse_ident percent_rank percentile_cont "
                               "percentile_disc pg_column_size pg_database_size "
                               "pg_get_constraintdef pg_get_expr pg_get_functiondef pg_get_indexdef pg_get_userbyid "
                               "pg_get_viewdef pg_indexes_size pg_relation_size pg_size_pretty "
                               "pg_table_size pg_total_relation_size pg_typeof pi position pow power printf quarter quote "
                               "quote_ident quote_literal radians rand random rank regexp_like "
                               "regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table "
                               "regexp_substr repeat replace reverse right round row row_number "
                               "row_to_json rpad rtrim schema second sha1 sha2 sha256 sha512 sign sin sinh soundex split_part "
                               "sqlite_version sqrt starts_with stddev stddev_pop "
                               "stddev_samp str str_to_date strftime string_agg string_to_array strpos stuff subdate substr "
                               "substring substring_index sum tan tanh time "
                               "timediff timestamp timestampadd timestampdiff to_char to_date to_hex to_json to_jsonb "
                               "to_number to_regclass to_timestamp to_tsquery to_tsvector total "
                               "translate trim trunc truncate try_cast try_convert ts_rank typeof ucase unhex unicode "
                               "unix_timestamp unnest upper user utc_timestamp uuid values var_pop var_samp variance version "
                               "week weekday width_bucket year yearweek zeroblob gen_random_uuid varchar nvarchar nchar "
                               "numeric decimal float interval array";

static const struct {
    const char *name; /* ends in '*': a prefix */
    const char *danger;
} dangers[] = {
    {"pg_read_file", "pg_read_file"},
    {"pg_read_binary_file", "pg_read_file"},
    {"pg_ls_*", "pg_ls_dir"},
    {"pg_stat_file", "pg_stat_file"},
    {"pg_file_*", "pg_file_write"},
    {"lo_import", "lo_import"},
    {"lo_export", "lo_export"},
    {"lo_*", "large object"},
    {"dblink*", "dblink"},
    {"pg_sleep*", "sleep"},
    {"sleep", "sleep"},
    {"benchmark", "sleep"},
    {"pg_terminate_backend", "pg_terminate_backend"},
    {"pg_cancel_backend", "pg_cancel_backend"},
    {"pg_reload_conf", "pg_reload_conf"},
    {"pg_rotate_logfile", "pg_rotate_logfile"},
    {"set_config", "set_config"},
    {"query_to_xml*", "query_to_xml"},
    {"database_to_xml*", "database_to_xml"},
    {"load_file", "load_file"},
    {"sys_exec", "sys_exec"},
    {"sys_eval", "sys_eval"},
    {"load_extension", "load_extension"},
    {"readfile", "readfile"},
    {"writefile", "writefile"},
    {"edit", "edit"},
    {"fts3_tokenizer", "fts3_tokenizer"},
    {"xp_*", "xp_cmdshell"},
    {"sp_*", "stored procedure"},
    {"openrowset", "openrowset"},
    {"opendatasource", "opendatasource"},
    {"openquery", "openquery"},
    {"pg_advisory_*", "lock"},
    {"get_lock", "lock"},
    {"setval", "setval"},
    {"nextval", "nextval"},
    {"pg_create_*", "pg_create"},
    {"pg_drop_*", "pg_drop"},
    {"pg_switch_wal", "pg_switch_wal"},
    {"pg_promote", "pg_promote"},
    {"pg_start_backup", "backup"},
    {"pg_backup_*", "backup"},
    {"extractvalue", "extractvalue"},
    {"updatexml", "updatexml"},
};

bool sql_is_harmless_function(struct slice name)
{
    return sql_in_list(name, harmless);
}

const char *sql_dangerous_function(struct slice name)
{
    for (size_t i = 0; i < sizeof dangers / sizeof dangers[0]; i++) {
        struct slice known = slice_from_str(dangers[i].name);

        if (known.data[known.size - 1] == '*' ? slice_starts_with(name, slice_sub(known, 0, known.size - 1))
                                              : slice_equal(name, known))
            return dangers[i].danger;
    }
    return NULL;
}

bool sql_is_keyword(struct slice word)
{
    return sql_in_list(
        word,
        "select from where group order by having limit offset fetch union intersect except join inner left right full outer "
        "cross natural on using set "
        "values into returning with as and or not in is null like ilike between exists case when then else end distinct all "
        "any some for "
        "window lateral only insert update delete merge create alter drop truncate grant revoke default table asc desc collate "
        "conflict do nothing duplicate key if cascade restrict tablesample overlaps similar to glob regexp rlike cross apply "
        "option output top");
}
