"""Chinese family names, as a general list."""

from __future__ import annotations

from tercet_leads.cleaning.pinyin import SURNAME_READINGS

COMPOUND = frozenset(
    """
    欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台 皇甫 宗政 濮阳 公冶 太叔 申屠 公孙
    慕容 仲孙 钟离 长孙 宇文 司徒 鲜于 司空 闾丘 子车 亓官 司寇 巫马 公西 颛孙 壤驷 公良 漆雕 乐正 宰父 谷梁 拓跋 夹谷
    轩辕 令狐 段干 百里 呼延 东郭 南门 羊舌 微生 梁丘 左丘 东门 西门 第五 爱新觉罗 叶赫那拉
    """.split()
)
SINGLE = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊"
    "白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文樊兰殷施洪翟安颜倪牛温芦季俞章鲁葛伍申尤毕聂柴焦左柳甄祝包宁耿"
    "齐关岳兆阎时苗柏骆辛管祁裴欧涂华盛纪游屈闵冷蓝单符褚盖舒谷翁牟阮鲍蒲辜苟桂岑迟詹庄车连谈曲景瞿项冉蒙桑支尚米路喻瞿靳隋占丛卜宫成卓房"
    "缪解应滕晏沙边楚古区仇娄蔺双屠戚佟敖戈商刁池凌邢麦原战储晋查祖巩郎封荣幸宗梅臧计佘郁卞巫宿苑井栾权简乌饶党伏代诸闻木费翦邝亓楼薄阳"
    "危蓬吉阚冼禹鄢年黑鞠衡芮艾谌都明仝逯相和皮匡丰师匡植修利初甘寇越霍隆宣虞贝胥荀胶来揭全红练候肇荆帅皋惠云燕朴俸印豆强才补鹿富母召门由"
    "丘司岩过廉沃展矫哈回银咸植操芳仲漆奚火勾撒郗经南次花续卿郦鹏沐邸薜归令冀伊亢郜佀揣蔚青蹇闪旷尧俎奉亚逄伦仵戎库励芶"
)
_SINGLE_PINYIN: set[str] = set()


def split_name(name: str) -> tuple[str, str]:
    """Family and given name of a Chinese full name; ("", name) where it begins with no family name."""
    for length in (4, 2):
        if len(name) > length and name[:length] in COMPOUND:
            return name[:length], name[length:]
    if name[:1] in SINGLE:
        return name[:1], name[1:]
    return "", name


def is_surname_pinyin(word: str) -> bool:
    """Whether a Latin word spells a family name: wang, ouyang."""
    if not _SINGLE_PINYIN:
        from tercet_leads.cleaning.pinyin import spelled

        _SINGLE_PINYIN.update(SURNAME_READINGS.get(name, "") or spelled(name) for name in SINGLE)
        _SINGLE_PINYIN.update(SURNAME_READINGS.get(name, "") or spelled(name) for name in COMPOUND)
        _SINGLE_PINYIN.add("lu")
    return word in _SINGLE_PINYIN
