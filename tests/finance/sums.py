"""Prints, as JSON, what DuckDB makes of a column of Parquet files: rows, exact sum, type of the sum.

    sums.py COLUMN FILE...
"""

import json
import sys

import duckdb

column, files = sys.argv[1], sys.argv[2:]
rows, total, kind = duckdb.execute(
    f'SELECT count(*), sum("{column}"), typeof(sum("{column}")) FROM read_parquet(?)', [files]
).fetchone()
print(json.dumps({"rows": rows, "sum": str(total), "type": kind}))
