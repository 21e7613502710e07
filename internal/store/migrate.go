package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing/fstest"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// A dialect says how a database needs the migrations, which are written for PostgreSQL.
type dialect struct {
	goose    goose.Dialect
	replacer *strings.Replacer
	hasTable string // the query that counts the tables with a name
	// listAdditions is the query of [DB.ListAdditions]: kinds, names and tables.
	listAdditions string
	// listColumns is the query of [DB.ListImpossible]: tables, columns, their types, and whether they are of the
	// primary key.
	listColumns string
	// looselyTyped says that a column can have values of other types than its own.
	looselyTyped bool
}

var (
	postgresDialect = dialect{
		goose:    goose.DialectPostgres,
		replacer: strings.NewReplacer("/* AS JSON */", "::json"),
		hasTable: "SELECT COUNT(*) FROM pg_catalog.pg_tables " +
			"WHERE tablename = $1 AND schemaname = ANY (current_schemas(false))",
		listAdditions: `WITH own AS (
				SELECT c.oid, c.relname::text AS name, c.relkind FROM pg_catalog.pg_class c
				JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
				WHERE n.nspname = ANY (current_schemas(false)) AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
					WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
			)
			SELECT 'trigger', t.tgname::text, own.name FROM pg_catalog.pg_trigger t JOIN own ON own.oid = t.tgrelid
				WHERE NOT t.tgisinternal
			UNION ALL SELECT 'rule', r.rulename::text, own.name FROM pg_catalog.pg_rewrite r
				JOIN own ON own.oid = r.ev_class WHERE r.rulename <> '_RETURN'
			UNION ALL SELECT 'policy', p.polname::text, own.name FROM pg_catalog.pg_policy p
				JOIN own ON own.oid = p.polrelid
			UNION ALL SELECT 'view', own.name, own.name FROM own WHERE own.relkind IN ('v', 'm')
			ORDER BY 1, 2, 3`,
		listColumns: `SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL),
				COALESCE(a.attnum = ANY (i.indkey), FALSE)
			FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
			WHERE c.relkind = 'r' AND n.nspname = ANY (current_schemas(false)) ORDER BY 1, a.attnum`,
	}
	sqliteDialect = dialect{
		goose: goose.DialectSQLite3,
		replacer: strings.NewReplacer(
			"BYTEA", "BLOB",
			`COLLATE "C"`, "COLLATE BINARY",
			"/* WITHOUT ROWID */", "WITHOUT ROWID", // one tree instead of two
			"EXTRACT(EPOCH FROM now())", "strftime('%s', 'now')",
		),
		hasTable: "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = $1",
		listAdditions: "SELECT type, name, tbl_name FROM sqlite_schema WHERE type IN ('trigger', 'view') " +
			"ORDER BY type, name",
		listColumns: "SELECT t.name, c.name, lower(c.type), c.pk > 0 FROM sqlite_schema t " +
			"JOIN pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY t.name, c.cid",
		looselyTyped: true,
	}
)

// migrate brings the tables up to date, unless the database is too new for this program. It does
// not migrate down.
func migrate(ctx context.Context, db *sql.DB, d dialect) error {
	switch c, err := readCompatibility(ctx, db, d); {
	case err != nil:
		return err
	case c.version == ownVersion():
		return nil
	}
	if err := checkNotNewer(ctx, db, d); err != nil {
		return err
	}
	if err := migrateFrom(ctx, db, d, migrationFiles); err != nil {
		return err
	}
	return checkNotNewer(ctx, db, d) // a newer program may have migrated at the same time
}

func migrateFrom(ctx context.Context, db *sql.DB, d dialect, files fs.FS) error {
	rendered, err := d.render(files)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if d.goose == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(d.goose, db, rendered, options...)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	_, err = provider.Up(ctx)
	if d.goose == goose.DialectSQLite3 {
		// SQLite has no lock for this. Each failure can mean that another process has run a migration
		// at the same time, so there are no more of them than migrations.
		for tries := len(provider.ListSources()); err != nil && tries > 0 && ctx.Err() == nil; tries-- {
			_, err = provider.Up(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// render returns the migrations in the dialect.
func (d dialect) render(files fs.FS) (fs.FS, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	rendered := fstest.MapFS{}
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		record, err := recordCompatibility(path.Base(name), string(b))
		if err != nil {
			return nil, err
		}
		rendered[path.Base(name)] = &fstest.MapFile{Data: []byte(d.replacer.Replace(string(b)) + record)}
	}
	return rendered, nil
}
