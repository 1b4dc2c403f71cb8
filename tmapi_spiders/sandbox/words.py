"""The words of the sandbox's titles, one column per language of the API.

Tuples follow the order of LANGUAGES. A title names what the picture shows (kind, colour, pattern,
size), so that a reader of an answer sees that it matches the image.
"""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "zh", "ru", "vi", "ja", "ko")
"""The values of the parameter `language` (the vendor's page)."""

KINDS: Final[dict[str, tuple[str, ...]]] = {
    "mug": ("Mug", "马克杯", "Кружка", "Cốc", "マグカップ", "머그컵"),
    "bowl": ("Bowl", "碗", "Миска", "Bát", "ボウル", "그릇"),
    "vase": ("Vase", "花瓶", "Ваза", "Lọ hoa", "かびん", "꽃병"),
    "bottle": ("Bottle", "水瓶", "Бутылка", "Bình nước", "ボトル", "물병"),
    "teapot": ("Teapot", "茶壶", "Чайник", "Ấm trà", "ティーポット", "찻주전자"),
    "lamp": ("Desk Lamp", "台灯", "Настольная лампа", "Đèn bàn", "デスクランプ", "탁상 램프"),
    "chair": ("Chair", "椅子", "Стул", "Ghế", "チェア", "의자"),
    "table": ("Table", "桌子", "Стол", "Bàn", "テーブル", "테이블"),
    "shirt": ("T-Shirt", "T恤", "Футболка", "Áo thun", "Tシャツ", "티셔츠"),
    "trousers": ("Trousers", "裤子", "Брюки", "Quần", "ズボン", "바지"),
    "handbag": ("Handbag", "手提包", "Сумка", "Túi xách", "ハンドバッグ", "핸드백"),
    "hat": ("Hat", "帽子", "Шляпа", "Mũ", "ハット", "모자"),
    "boot": ("Boots", "靴子", "Сапоги", "Ủng", "ブーツ", "부츠"),
    "umbrella": ("Umbrella", "雨伞", "Зонт", "Dù", "アンブレラ", "우산"),
    "clock": ("Wall Clock", "挂钟", "Настенные часы", "Đồng hồ", "かけ時計", "벽시계"),
    "ball": ("Ball", "皮球", "Мяч", "Bóng", "ボール", "공"),
    "kite": ("Kite", "风筝", "Воздушный змей", "Diều", "カイト", "연"),
    "gift box": (
        "Gift Box",
        "礼盒",
        "Подарочная коробка",
        "Hộp quà",
        "ギフトボックス",
        "선물 상자",
    ),
    "candle": ("Candle", "蜡烛", "Свеча", "Nến", "キャンドル", "양초"),
    "star": (
        "Star Ornament",
        "星星挂饰",
        "Звезда на ёлку",
        "Ngôi sao trang trí",
        "スターオーナメント",
        "별 장식",
    ),
}

COLOURS: Final[tuple[tuple[str, ...], ...]] = (
    ("Red", "红色", "красный", "đỏ", "レッド", "빨간색"),
    ("Orange", "橙色", "оранжевый", "cam", "オレンジ", "주황색"),
    ("Yellow", "黄色", "жёлтый", "vàng", "イエロー", "노란색"),
    ("Lime", "青柠色", "салатовый", "xanh nõn chuối", "ライム", "라임색"),
    ("Green", "绿色", "зелёный", "xanh lá", "グリーン", "초록색"),
    ("Mint", "薄荷色", "мятный", "xanh bạc hà", "ミント", "민트색"),
    ("Turquoise", "青色", "бирюзовый", "xanh ngọc", "ターコイズ", "청록색"),
    ("Sky Blue", "天蓝色", "голубой", "xanh da trời", "スカイブルー", "하늘색"),
    ("Blue", "蓝色", "синий", "xanh dương", "ブルー", "파란색"),
    ("Purple", "紫色", "фиолетовый", "tím", "パープル", "보라색"),
    ("Magenta", "品红色", "пурпурный", "đỏ tươi", "マゼンタ", "자홍색"),
    ("Pink", "粉色", "розовый", "hồng", "ピンク", "분홍색"),
)
"""One name for each 30 degrees of hue; the first is centred on 0."""

PATTERNS: Final[dict[str, tuple[str, ...]]] = {
    "plain": ("Plain", "纯色", "без рисунка", "trơn", "無地", "무지"),
    "striped": ("Striped", "条纹", "в полоску", "kẻ sọc", "ストライプ", "줄무늬"),
    "dotted": ("Dotted", "圆点", "в горошек", "chấm bi", "ドット", "물방울무늬"),
    "checked": ("Checked", "格子", "в клетку", "ca rô", "チェック", "체크무늬"),
    "zigzag": ("Zigzag", "波浪纹", "зигзаг", "ziczac", "ジグザグ", "지그재그"),
}

SIZES: Final[tuple[tuple[str, ...], ...]] = (
    ("Small", "小号", "маленький", "nhỏ", "小さめ", "소형"),
    ("Medium", "中号", "средний", "vừa", "中くらい", "중형"),
    ("Large", "大号", "большой", "lớn", "大きめ", "대형"),
)

TRADES: Final[tuple[tuple[str, ...], ...]] = (
    ("Wholesale", "批发", "оптом", "bán buôn", "卸売り", "도매"),
    ("Factory Direct", "厂家直销", "от фабрики", "giá xưởng", "工場直送", "공장 직송"),
    ("Cross-Border", "跨境专供", "на экспорт", "xuất khẩu", "越境EC向け", "해외 배송"),
    ("New Style", "新款", "новинка", "kiểu mới", "新作モデル", "신상품"),
    ("Custom Logo", "可定制logo", "с логотипом", "in logo", "ロゴ入れ可", "로고 제작"),
    ("In Stock", "现货", "в наличии", "có sẵn", "在庫あり", "재고 보유"),
)

TEMPLATES: Final = (
    "{size} {colour} {pattern} {kind}, {trade}, {model}",
    "{colour}{pattern}{size}{kind} {trade} {model}",
    "{kind}, {colour} цвет, {pattern}, {size} размер, {trade}, {model}",
    "{kind} màu {colour} {pattern} cỡ {size} {trade} {model}",
    "{size}の{colour} {pattern}{kind} {trade} {model}",
    "{size} {colour} {pattern} {kind} {trade} {model}",
)

PROVINCES: Final = (
    ("福建", "三明市"),
    ("湖南", "湘潭市"),
    ("河北", "邢台市"),
    ("浙江", "义乌市"),
    ("浙江", "温州市"),
    ("广东", "汕头市"),
    ("广东", "佛山市"),
    ("江苏", "苏州市"),
    ("山东", "临沂市"),
    ("江西", "景德镇市"),
)
SHOP_WORDS: Final = ("润德", "荣欣", "怀驰", "宏达", "金鹏", "顺发", "百盛", "永兴", "华美", "立信")
SHOP_TRADES: Final = ("贸易行", "日用品有限公司", "电子商务有限公司", "工艺品厂", "进出口有限公司")
