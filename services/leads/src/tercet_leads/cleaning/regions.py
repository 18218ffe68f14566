# ruff: noqa: E501  (tables read better in long lines)
"""Provinces, cities and telephone area codes of mainland China, and how people abbreviate them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_TABLE = """
北京 北京010
天津 天津022
上海 上海021
重庆 重庆023
河北 石家庄0311 邯郸0310 保定0312 张家口0313 承德0314 唐山0315 廊坊0316 沧州0317 衡水0318 邢台0319 秦皇岛0335
山西 太原0351 朔州0349 忻州0350 大同0352 阳泉0353 晋中0354 吕梁0358 长治0355 晋城0356 临汾0357 运城0359
辽宁 沈阳024 铁岭024 抚顺024 本溪024 大连0411 鞍山0412 丹东0415 锦州0416 营口0417 阜新0418 辽阳0419 朝阳0421 盘锦0427 葫芦岛0429
吉林 长春0431 吉林0432 延边0433 四平0434 通化0435 白城0436 辽源0437 松原0438 白山0439
黑龙江 哈尔滨0451 齐齐哈尔0452 牡丹江0453 佳木斯0454 绥化0455 黑河0456 大兴安岭0457 伊春0458 大庆0459 七台河0464 鸡西0467 鹤岗0468 双鸭山0469
江苏 南京025 无锡0510 镇江0511 苏州0512 南通0513 扬州0514 盐城0515 徐州0516 淮安0517 连云港0518 常州0519 泰州0523 宿迁0527
浙江 杭州0571 衢州0570 湖州0572 嘉兴0573 宁波0574 绍兴0575 台州0576 温州0577 丽水0578 金华0579 舟山0580
安徽 合肥0551 滁州0550 蚌埠0552 芜湖0553 淮南0554 马鞍山0555 安庆0556 宿州0557 阜阳0558 亳州0558 黄山0559 淮北0561 铜陵0562 宣城0563 六安0564 池州0566
福建 福州0591 厦门0592 宁德0593 莆田0594 泉州0595 漳州0596 龙岩0597 三明0598 南平0599
江西 南昌0791 鹰潭0701 新余0790 九江0792 上饶0793 抚州0794 宜春0795 吉安0796 赣州0797 景德镇0798 萍乡0799
山东 济南0531 菏泽0530 青岛0532 淄博0533 德州0534 烟台0535 潍坊0536 济宁0537 泰安0538 临沂0539 滨州0543 东营0546 威海0631 枣庄0632 日照0633 聊城0635
河南 郑州0371 商丘0370 安阳0372 新乡0373 许昌0374 平顶山0375 信阳0376 南阳0377 洛阳0379 焦作0391 鹤壁0392 濮阳0393 周口0394 漯河0395 驻马店0396 三门峡0398
湖北 武汉027 襄阳0710 鄂州0711 孝感0712 黄冈0713 黄石0714 咸宁0715 荆州0716 宜昌0717 恩施0718 十堰0719 神农架0719 随州0722 荆门0724 仙桃0728 潜江0728 天门0728
湖南 长沙0731 湘潭0731 株洲0731 岳阳0730 衡阳0734 郴州0735 常德0736 益阳0737 娄底0738 邵阳0739 湘西0743 张家界0744 怀化0745 永州0746
广东 广州020 汕尾0660 阳江0662 揭阳0663 茂名0668 江门0750 韶关0751 惠州0752 梅州0753 汕头0754 深圳0755 珠海0756 佛山0757 肇庆0758 湛江0759 中山0760 河源0762 清远0763 云浮0766 潮州0768 东莞0769
海南 海口0898 三亚0898 三沙0898 儋州0898
四川 成都028 资阳028 眉山028 攀枝花0812 自贡0813 绵阳0816 南充0817 达州0818 遂宁0825 广安0826 巴中0827 泸州0830 宜宾0831 内江0832 乐山0833 凉山0834 雅安0835 甘孜0836 阿坝0837 德阳0838 广元0839
贵州 贵阳0851 遵义0851 安顺0851 黔南0854 黔东南0855 铜仁0856 毕节0857 六盘水0858 黔西南0859
云南 昆明0871 西双版纳0691 德宏0692 昭通0870 大理0872 红河0873 曲靖0874 保山0875 文山0876 玉溪0877 楚雄0878 普洱0879 临沧0883 怒江0886 迪庆0887 丽江0888
陕西 西安029 咸阳029 延安0911 榆林0912 渭南0913 商洛0914 安康0915 汉中0916 宝鸡0917 铜川0919
甘肃 兰州0931 临夏0930 定西0932 平凉0933 庆阳0934 武威0935 金昌0935 张掖0936 酒泉0937 嘉峪关0937 天水0938 陇南0939 甘南0941 白银0943
青海 西宁0971 海北0970 海东0972 黄南0973 海南0974 果洛0975 玉树0976 海西0977
内蒙古 呼和浩特0471 呼伦贝尔0470 包头0472 乌海0473 乌兰察布0474 通辽0475 赤峰0476 鄂尔多斯0477 巴彦淖尔0478 锡林郭勒0479 兴安0482 阿拉善0483
广西 南宁0771 防城港0770 崇左0771 柳州0772 来宾0772 桂林0773 梧州0774 贺州0774 玉林0775 贵港0775 百色0776 钦州0777 河池0778 北海0779
西藏 拉萨0891 日喀则0892 山南0893 林芝0894 昌都0895 那曲0896 阿里0897
宁夏 银川0951 石嘴山0952 吴忠0953 固原0954 中卫0955
新疆 乌鲁木齐0991 塔城0901 哈密0902 和田0903 阿勒泰0906 克孜勒苏0908 博尔塔拉0909 克拉玛依0990 伊犁0992 石河子0993 昌吉0994 吐鲁番0995 巴音郭楞0996 阿克苏0997 喀什0998
台湾
香港
澳门
"""

_PROVINCE_ENDINGS = {
    "内蒙古": "自治区",
    "广西": "壮族自治区",
    "西藏": "自治区",
    "宁夏": "回族自治区",
    "新疆": "维吾尔自治区",
    "香港": "特别行政区",
    "澳门": "特别行政区",
}
MUNICIPALITIES = frozenset({"北京", "天津", "上海", "重庆"})


class Region(NamedTuple):
    """A province and, where known, one of its cities; both by their short names («山东», «济南»), "" where unknown."""

    province: str = ""
    city: str = ""


PROVINCES: dict[str, str] = {}  # short name -> full name
CITY_PROVINCE: dict[str, str] = {}  # short name -> short name of the province
AREA_CODES: dict[str, str] = {}  # city -> area code with its 0
CITY_BY_AREA: dict[str, str] = {}  # area code -> city; a shared code names the largest of its cities

for _line in _TABLE.strip().splitlines():
    _province, *_cities = _line.split()
    PROVINCES[_province] = _province + _PROVINCE_ENDINGS.get(_province, "市" if _province in MUNICIPALITIES else "省")
    for _entry in _cities:
        _city, _area = _entry.rstrip("0123456789"), "0" + _entry.split("0", 1)[1]
        CITY_PROVINCE.setdefault(_city, _province)
        AREA_CODES.setdefault(_city, _area)
        CITY_BY_AREA.setdefault(_area, _city)

_PROVINCE = re.compile(
    "("
    + "|".join(sorted(PROVINCES, key=len, reverse=True))
    + ")(?:壮族自治区|回族自治区|维吾尔自治区|特别行政区|自治区|省)?"
)
# A bare city name is taken unless a road or a district goes by that name: 中山路, 朝阳区.
_CITY = re.compile(
    "(" + "|".join(sorted(CITY_PROVINCE, key=len, reverse=True)) + ")"
    r"(?:市|地区|盟|[\u4e00-\u9fff]{0,8}?自治州|(?![东西南北中一二三四五六七八九十]{0,2}(?:路|街|大街|大道|道|巷|里|区|县|镇|村|桥|弄)))"
)


def leading_region(text: str) -> tuple[Region, str]:
    """The province and city a text begins with, and what follows; («», text) where it begins with neither."""
    province = city = ""
    rest = text
    match = _PROVINCE.match(rest)
    if match:
        province = match.group(1)
        if (
            match.group(0) == province
            and province in CITY_PROVINCE
            and rest[len(province) : len(province) + 1] in "区县"
        ):
            return Region(), text
        rest = rest[match.end() :].lstrip(" ,，-/")
        if rest.startswith("市") and province in CITY_PROVINCE:
            if province not in MUNICIPALITIES:
                return Region(province, province), rest[1:].lstrip(" ,，-/")  # 吉林市
            rest = rest[1:].lstrip(" ,，-/")
    match = _CITY.match(rest)
    if match and (not province or CITY_PROVINCE[match.group(1)] == province):
        city = match.group(1)
        province = province or CITY_PROVINCE[city]
        rest = rest[match.end() :].lstrip(" ,，-/")
        if rest.startswith(("市辖区", "辖区")):
            rest = rest.split("辖区", 1)[1]
    elif province in MUNICIPALITIES:
        city = province
    return Region(province, city), rest


@lru_cache(maxsize=4096)
def clean_region(province: str, city: str) -> Region:
    """Short names of a province and a city as people fill them in; "" for what is not known as one."""
    found_province = leading_region(province.strip())[0].province if province else ""
    in_city = leading_region(city.strip())[0] if city else Region()
    found_city = in_city.city
    if not found_city and found_province in MUNICIPALITIES:
        found_city = found_province
    return Region(found_province or in_city.province, found_city)


def full_names(region: Region) -> tuple[str, str]:
    """The names as written in forms: («山东», «济南») is («山东省», «济南市»)."""
    city = region.city
    if city and city in CITY_PROVINCE and len(city) < 4:
        city += "市"
    return PROVINCES.get(region.province, ""), city
