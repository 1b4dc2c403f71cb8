"""What becomes of a lamp before it is written."""

from decimal import Decimal

from scrapy.exceptions import DropItem

from shop.lamps import Lamp

FREIGHT_AND_DUTY = Decimal("1.3")


class LandedPrice:
    """Works out what a lamp costs here; drops one whose price is not known."""

    def process_item(self, item):
        """Return a lamp with its price; an item of another spider as it is."""
        if isinstance(item, Lamp):
            if item.price is None:
                raise DropItem("its price is not known")
            item.landed_price = str(round(Decimal(item.price) * FREIGHT_AND_DUTY, 2))
        return item
