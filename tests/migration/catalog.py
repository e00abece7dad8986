"""Everything that a schema consists of, as the database's own catalog tells it."""

import asyncpg

#: Each names things by name and never by number, so that two databases can be compared.
_QUESTIONS = {
    "tables": """
        SELECT c.relname, c.relkind::text, c.relpersistence::text, c.reloptions::text,
               pg_get_userbyid(c.relowner), c.relrowsecurity, c.relreplident::text,
               obj_description(c.oid, 'pg_class')
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace""",
    "columns": """
        SELECT c.relname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
               format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,
               a.attgenerated::text, a.attstorage::text, a.attcompression::text,
               (SELECT collname FROM pg_collation WHERE oid = a.attcollation),
               pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
        WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraints": """
        SELECT conname, contype::text, conrelid::regclass::text, contypid::regtype::text,
               convalidated, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": """
        SELECT pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relnamespace = 'public'::regnamespace""",
    "triggers": """
        SELECT pg_get_triggerdef(t.oid), t.tgenabled::text
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal""",
    "functions": """
        SELECT pg_get_functiondef(oid), pg_get_userbyid(proowner)
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "types": """
        SELECT t.typname, t.typtype::text, format_type(t.typbasetype, t.typtypmod), t.typnotnull,
               t.typdefault, (SELECT collname FROM pg_collation WHERE oid = t.typcollation),
               (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
                FROM pg_enum e WHERE e.enumtypid = t.oid)
        FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace""",
    "views": """
        SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'
        UNION ALL SELECT matviewname, definition FROM pg_matviews WHERE schemaname = 'public'""",
    "sequences": """
        SELECT sequencename, data_type::text, start_value, min_value, max_value, increment_by,
               cycle, cache_size
        FROM pg_sequences WHERE schemaname = 'public'""",
    "policies": "SELECT tablename, policyname, cmd, qual, with_check FROM pg_policies",
    "extensions": "SELECT extname FROM pg_extension",
    # A list that was never touched is null, and means the same as the one that it stands for.
    "rights on tables": """
        SELECT c.relname, a.grantor::regrole::text, a.grantee::regrole::text, a.privilege_type,
               a.is_grantable
        FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault(
            CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
        WHERE c.relnamespace = 'public'::regnamespace""",
    "rights on columns": """
        SELECT c.relname, t.attname, a.grantee::regrole::text, a.privilege_type, a.is_grantable
        FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid, aclexplode(t.attacl) a
        WHERE c.relnamespace = 'public'::regnamespace AND NOT t.attisdropped""",
    "rights on functions": """
        SELECT p.oid::regprocedure::text, a.grantee::regrole::text, a.privilege_type
        FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        WHERE p.pronamespace = 'public'::regnamespace""",
    "rights on types": """
        SELECT t.typname, a.grantee::regrole::text, a.privilege_type
        FROM pg_type t, aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) a
        WHERE t.typnamespace = 'public'::regnamespace""",
    "rights on the schema": """
        SELECT a.grantor::regrole::text, a.grantee::regrole::text, a.privilege_type
        FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
        WHERE n.nspname = 'public'""",
    "rights to come": """
        SELECT defaclrole::regrole::text, defaclobjtype::text, defaclacl::text
        FROM pg_default_acl""",
}


async def catalog(connection: asyncpg.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Return every part of the schema ``public``, each in an order of its own."""
    found: dict[str, list[tuple[object, ...]]] = {}
    for part, question in _QUESTIONS.items():
        rows = [tuple(row.values()) for row in await connection.fetch(question)]
        found[part] = sorted(rows, key=repr)
    return found
