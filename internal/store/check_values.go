package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// maxImpossible is how many rows [DB.ListImpossible] lists for each column.
const maxImpossible = 100

// ListImpossible implements [library.CheckStore].
func (db *DB) ListImpossible(ctx context.Context) (list []string, err error) {
	const doing = "list impossible values"
	columns, err := db.listColumns(ctx)
	if err != nil {
		return nil, wrap(doing, err)
	}
	for _, c := range columns {
		keys, err := c.listImpossible(ctx, db.statements)
		if err != nil {
			return nil, wrap(doing, fmt.Errorf("table %s: %w", c.table.name, err))
		}
		for _, key := range keys {
			list = append(list, fmt.Sprintf("table %s, row %s: %s", c.table.name, key, c.name))
		}
	}
	return list, nil
}

// A checkedColumn is a column with the condition that its value is one that this server never stores.
type checkedColumn struct {
	table      *checkedTable
	name       string
	impossible string
}

// A checkedTable is a table with the expressions of its primary key as text.
type checkedTable struct {
	name string
	key  []string
}

// listColumns reads the columns from the schema, so that none can be forgotten here.
func (db *DB) listColumns(ctx context.Context) (columns []checkedColumn, err error) {
	rows, err := db.statements.QueryContext(ctx, db.dialect.listColumns)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	tables := map[string]*checkedTable{"goose_db_version": nil}
	for rows.Next() {
		var table, column, kind string
		var isKey bool
		if err := rows.Scan(&table, &column, &kind, &isKey); err != nil {
			return nil, err
		}
		t, known := tables[table]
		switch {
		case !known:
			t = &checkedTable{name: table}
			tables[table] = t
		case t == nil:
			continue
		}
		name := quoteName(column)
		if isKey {
			t.key = append(t.key, db.dialect.keyText(name, kind))
		}
		if condition := db.dialect.impossible(name, kind, isTime(column)); condition != "" {
			columns = append(columns, checkedColumn{t, column, condition})
		}
	}
	return columns, rows.Err()
}

// isTime reports whether a column with numbers has times.
func isTime(column string) bool {
	return column == "at" || strings.HasSuffix(column, "_at") || strings.HasSuffix(column, "_until")
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// impossible returns the condition that a value is one that this server never stores, or "" for a column that can have
// none. PostgreSQL stores in a column what has its type.
func (d dialect) impossible(name, kind string, isTime bool) string {
	var conditions []string
	isNumber, isFlag := kind == "bigint", kind == "boolean"
	if d.looselyTyped && (isNumber || isFlag) {
		conditions = append(conditions, "typeof("+name+") <> 'integer'")
	}
	if d.looselyTyped && isFlag {
		conditions = append(conditions, name+" NOT IN (0, 1)")
	}
	if isNumber && isTime {
		conditions = append(conditions, fmt.Sprintf("%s NOT BETWEEN 0 AND %d", name, maxMillis))
	}
	return strings.Join(conditions, " OR ")
}

// keyText returns the expression of a column of a primary key as text.
func (d dialect) keyText(name, kind string) string {
	switch {
	case kind == "bytea":
		return "encode(" + name + ", 'hex')"
	case d.looselyTyped:
		return "CASE typeof(" + name + ") WHEN 'blob' THEN lower(hex(" + name + ")) ELSE CAST(" + name + " AS TEXT) END"
	default:
		return "CAST(" + name + " AS TEXT)"
	}
}

// listImpossible lists the keys of rows with an impossible value.
func (c checkedColumn) listImpossible(ctx context.Context, db query.DBTX) (keys []string, err error) {
	if len(c.table.key) == 0 {
		return nil, nil // a table of somebody else's
	}
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE %s LIMIT %d",
		strings.Join(c.table.key, " || '/' || "), quoteName(c.table.name), c.impossible, maxImpossible))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, rows.Err()
}
