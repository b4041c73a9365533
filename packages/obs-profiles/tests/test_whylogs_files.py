"""Files of whylogs are read: real ones, where whylogs is installed, and one that is kept here."""

from __future__ import annotations

import base64
import os
import re
import zlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from obs_profiles import Profile, ProfileFormatError, drift, merge, profile

os.environ["WHYLOGS_NO_ANALYTICS"] = "1"


def written_by_whylogs(frame: pd.DataFrame) -> tuple[Any, bytes]:
    """The view that whylogs makes of a frame, and its file."""
    pytest.importorskip("whylogs")
    obs_whylogs = pytest.importorskip("obs_whylogs")  # whylogs itself fails on numpy 2
    view = obs_whylogs.profile(frame)
    return view, view.serialize()


def frame_of(random: np.random.Generator, rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": random.normal(50, 12, rows),
            "small": random.integers(-5, 40, rows),
            "wide": random.integers(0, 10**9, rows),
            "word": random.choice(["EWR", "JFK", "LGA", "Ünï"], rows),
            "tail": [f"N{number:05}" for number in random.integers(0, 3_000, rows)],
            "flag": random.random(rows) > 0.25,
            "gaps": np.where(random.random(rows) > 0.3, random.normal(size=rows), np.nan),
            "infinite": np.where(random.random(rows) > 0.9, np.inf, 1.5),
            "nothing": [None] * rows,
        }
    )


@pytest.mark.parametrize("rows", [1, 3, 20, 250, 400, 6_000, 60_000])
def test_what_whylogs_knows_is_known(rows: int, random: np.random.Generator) -> None:
    frame = frame_of(random, rows)
    view, data = written_by_whylogs(frame)
    known, exact = Profile.from_bytes(data), profile(frame)
    assert known.rows == rows
    assert set(known.columns) == set(frame.columns)
    for name, column in known.columns.items():
        mine = exact[name]
        assert (column.rows, column.missing, column.true, column.infinite) == (
            mine.rows,
            mine.missing,
            mine.true,
            mine.infinite,
        )
        assert column.kind == mine.kind
        assert column.distinct.estimate == pytest.approx(mine.distinct.estimate, rel=0.045)
        if name in ("number", "small", "wide", "gaps") and mine.numbers:
            assert column.numbers is not None
            assert (column.numbers.least, column.numbers.most) == (mine.numbers.least, mine.numbers.most)
            assert column.numbers.moments.mean == pytest.approx(mine.numbers.moments.mean)
            assert column.numbers.moments.deviation == pytest.approx(mine.numbers.moments.deviation, nan_ok=True)
            sketch = view.get_column(name).get_metric("distribution").kll.value
            values = frame[name].dropna().sample(20, replace=True, random_state=1).to_numpy(float)
            assert column.numbers.quantiles.shares_below(values) == pytest.approx([sketch.get_rank(v) for v in values])
            assert column.numbers.quantiles.count == sketch.get_n()


def test_frequent_values_of_whylogs_have_its_bounds(random: np.random.Generator) -> None:
    frame = frame_of(random, 20_000)
    _, data = written_by_whylogs(frame)
    known = Profile.from_bytes(data)
    for name in ("word", "tail"):
        counts = frame[name].value_counts()
        frequent = known[name].frequent
        assert frequent is not None
        assert len(frequent) > 3
        for value, least, most in frequent.sorted_by_count():
            assert least <= counts[value] <= most
    small = known["small"].frequent
    assert small is not None
    assert {value: least for value, least, _ in small.sorted_by_count()} == frame["small"].value_counts().to_dict()


def test_registers_of_whylogs_are_ours_so_that_old_and_new_unite_exactly(random: np.random.Generator) -> None:
    frame = frame_of(random, 50_000)[["wide", "tail"]]
    old = Profile.from_bytes(written_by_whylogs(frame.iloc[:30_000])[1])
    new = profile(frame.iloc[30_000:])
    assert merge([old, new])["wide"].distinct == profile(frame)["wide"].distinct
    assert merge([old, new])["tail"].distinct == profile(frame)["tail"].distinct
    assert merge([old, new])["tail"].rows == 50_000


def test_whole_floats_of_whylogs_and_ours_may_be_counted_twice_and_the_profile_says_so() -> None:
    frame = pd.DataFrame({"it": np.arange(200.0)})
    old = Profile.from_bytes(written_by_whylogs(frame)[1])
    assert old["it"].distinct_count.least == 200
    for new, exact in ((profile(frame), 200), (profile(frame + 0.5), 400)):
        both = merge([old, new])["it"]
        assert both.distinct_count.least <= exact <= both.distinct_count.most
        assert both.all_different is None
    # Integers are hashed alike.
    whole = frame.astype(int)
    both = merge([Profile.from_bytes(written_by_whylogs(whole)[1]), profile(whole)])["it"]
    assert (both.distinct_count.estimate, both.all_different) == (200, False)


def test_a_history_of_whylogs_is_a_reference(random: np.random.Generator) -> None:
    frame = frame_of(random, 10_000)
    _, data = written_by_whylogs(frame)
    same = drift(Profile.from_bytes(data), frame_of(random, 10_000))
    assert [str(column) for column in same.drifted] == []
    moved = drift(Profile.from_bytes(data), frame.assign(number=frame["number"] + 3, word="EWR"))
    assert {column.name for column in moved.drifted} == {"number", "word"}
    assert "reference" in moved._repr_html_()
    assert "Data profile" in Profile.from_bytes(data)._repr_html_()


def test_a_view_of_whylogs_is_taken_as_it_is(random: np.random.Generator) -> None:
    view, _ = written_by_whylogs(frame_of(random, 500))
    assert len(drift(view, view)) == 9


@pytest.mark.parametrize("lg_k", [8, 10, 12, 14])
@pytest.mark.parametrize("kind", ["HLL_4", "HLL_6", "HLL_8"])
@pytest.mark.parametrize("count", [0, 5, 30, 2_000, 100_000])
def test_hll_of_every_mode_type_and_size(lg_k: int, kind: str, count: int) -> None:
    sketching = pytest.importorskip("whylogs_sketching")
    from obs_profiles.files.datasketches import read_hll

    sketch = sketching.hll_sketch(lg_k, getattr(sketching.tgt_hll_type, kind))
    for number in range(count):
        sketch.update(number)
    for data in (sketch.serialize_compact(), sketch.serialize_updatable()):
        found = read_hll(bytes(data))
        assert found.estimate == pytest.approx(count, rel=found.relative_error + 1e-6, abs=1e-3)


KEPT = r"""
c-rmUUyLNjUBL0`?wOswxxKsEzOy|bi`1S&7;oZS-
}+A`B;2*__&mA9aoZ&JCMKlUcY8ORtar!z2iA!pZ7B*XB|?+8l@LiQFRT<44MHf3l!qpOv;stiyksSa7z7F%6kzZJYyv2BReyVS?;u=6o{+juH=n8MuC
8BISM{83O7ndCgBQhbI(6ZlsZXq|F5X;R_NsN~*S>CfllAKLg{ApdJg066?^M0gS=m_C2S4{2eXw$4Y5t~HsoTGPRekm^tQqM}d6Vm}bQjhxtS>CDt*m
AxvM5<wUtL_jnU$O=N>*O{=)$%28P7fKoz6=Zm)93=uFfyboO4fkGB3NaI)80_ab-CxopL9=Q+er&D=SM2^UE`n?n%$hs;ymkX;J6uMQ(m`=05j?_l6s
*3omahEU$lLaed(>eKoRqIBPR^xvn>LeNks$+|cb@cu8OPtXuQW+*&-FMK$5cTM9q6v@~<Zt$HV~t!(IK*H<?dvVzLEV0j}u<FxB|^`gK8ZF_E!&yHH-
ql?QovZk{;aczF}`eN4S#r0P%be5K?uHD$WTA#=U*p?zw;u$<`tYyRI$WPU>f=N?wD(l^epAb3)D?yg6<=Nh6{^sRJ>)&i;9r{LV_Uo<spS32eGeT5c@
hL~-sbU#k6-63eHnct&+@g<7RM<d?E($#S)!YLd;yw;=4^!O5KJMT)_HYYh+{7++Fv2-
(V}LF6v55*BDAC2kU&$Te0S<8=2e^kR?&1z6xQ#vB!WcKPiyfT95Zf4F3w>;&!Uno1@bFdoi3d2ueH`E(?qVNzFu`r?;TFcYi5-
k^4nu5XfGzZ~i4BzKqQJvX&`&(TA@1WIrnrlJ+`$C5v4>l@iCyeqgmV~T8v|@%6BRa4qKg6#KTbdK0QYf#dzj)b_HhRj+{P`8aTB}P!3gIt#5T6j$0jO
lphOo19=<~VaESXjz&%WH7yGz_+t|Y`jByjY*ue<ru#Ew>(8ne!Y@kFJ4>!4wcz{FP#{uqPio3Xj32tK#w=l*{>|zJ!FvK<n*g_whsIY-
93OxK}`iTcP#C;s#9`0fvcQC<i?BN#1xQQK%a1KLkV}LF6v55_o=%T>GU!tFQfJ5BJJxp;I`?!M%ZetI(a1*=O!3gIt#5M-
l!X_$gphOo19&XT2JivV%;2x&9i+$X|1h;VuW8B0pb}+&@46%(Z^s$Kw8z|95frsn#4~Mvq1Kh(Dcd?H<xQ#vB!WcKPiye$`4%--
D3w>;&!Ujro@o<g%hzB^teH`E(rnrkcnBX?{a0_GH#4dJl4nu5XfGzZ~i3%I&qQJvd`iTcP#C;s#9`0fvcQC<i?BN#1xQQK%a1KLkV}LF6v55_o=%T>G
m+2=S;1Kt54^!O5KJH+G+t|Y`+{7++Fv2+uv5f(?u!#yADA7fMhh6%K2e^*|+`|-iv5z~L;5KeyjGNfS4n{bKA-
1uFJ~mNd10}jBivF$8A55{23HC6?E=Cxlj|wFU94#|naDXZHv4=5sF~Sf7^iiS2(Mz<415B}x3HC6?E`}JOj|wFU94*l<4zQ02_AtgSMi^p%K1vig`WW
ru08{K^f<5eFgdqm#qe6)SM<1m<OtFs%_AtgSMi`=x3MC30Ez(aMV2XY0VT@gjFvI|TR48%Op*<X6ihWG5hcR|B!~lI%C{f_(Chg(?`<P%4W9(vtAqME
9M1i9lw1)#sv5yJ%u!|9f7@&^|B?=rZ&>p7P#{_#AV;3U~(MN?61&*%MPaI&1ee7Y3U5qfq0DV*_adeILaDXZHF~J_j*u@Y7^iiQifuk2`7YEqK1bY}`
7b6TYKp!Ov9L>`n4lu<&CfLI+Mi^p%J}Q(ba1_xVrr5^>dl+LEBMi|;g%Sl0KSDd0V2lwe6gd1v>S2O0Mi`*N;fJY*3C0*<fC>c;e}Q@!V}t=J6gYf=b
}_*S15_w*_#x_Hf-y#@P~h-`)WZa0j4(ij!#V0<f-y!IphAJe=c$J=Mi`(%fy3u$7ZZ#yK!pN_AD|v47-NJA1rFa&Jxnmh2m@3&{CVnOf-
y!IphAJeXQ_uVMi`(%fx~BL7ZZ#yK!pN_A@wl97$a0Diu0f5JPc4^`aX_hfaz0|V}JtF_i`Kq6qvq;auk?er5*+-
Fnu@2F~GD<IR+>&eUjrCpuqGB<tQ+Hf_fOB!1P@l#{kpEDaQZ>rjKzP0~DA(N;wKl1L|RbqA0&i9^*^+bChHJPVyMPgFMDROCIC5V~cW(-
$oweN62IRFnNq0!UrkGc$PfI7s+GnlP|o058zwy%{YViV-tS{--
JJn_u+Y*Muk6x_u@}t1Mfx;B~GG?6%=@we=jITmy7QS>l1F3FD5IQ*E1bs&9yy89_TM9Epx)}N>_MamNQ?H^&MHaYLmhh_HX^wKYZ<P-
}+g7`Qhuo^QEFW@vX^ROZmJJ&nY2=?^xnKp>$Wpl$|{oCd6I(s8p6kl$qIq^VvH`30s%v-
)?&2Z#RV_i$as8Ockm7%W!686>}y1*U835IHrc>+M=hgTNPZupURDNUS<tDc{^E%VRi{+zG8K<gW2V6-
Gt2kC{YAz=VoX6=K5kPT(hOh&Uj3ps@qn11GWgA?4_!T%Zmq1)w8<WzK&Vu0hwb{S(8~yvKYK^-
*idfh+C3<FD(d_U&OLJbCt7}Wz`rvKfjh445=cMlZq=89n;sa$cr#*b1INU09Fx0R&t-
nW6MsjiAYv0=O`p8%m^vR*LB9XNm1Q4MapuDJ5Z5%d(*<I7H3+7U{F(8CA&D?o)V&(ce3cdiCoxLURULD(J4C{P+w2H?Cp4VR`fx0?}QF~%3R&b8@5H>
TE(iHt11(y9qBux$4F08rb<3DxWC!q8WTgD%-XADCr^vw{#oPsV#a(tDmI-
A$3>2wi!z%NibL{f`FfHX*7SI;i@+Ao6j#$dV8)vMTMU#_L?$i2W=UUi;fnCHyL?wM7ecNR>6+DP6Q~pxQ^y`ZOF~Dl2(u!se5N>-
#ncm)Z3e^lOqJKnL<#cMtn|II%q%@u)d5uXMIF0ROoj1e7qcQ?Px(CU9*tPOCM;#%S;gE6Owgv=jJg@~YJN?nC)d&RRH~R_W>jQF<il;&M$t<h=d@)VJ
!YKzNp{`@svGir>u6MzUe3Bw#7&dM4KTAw9*g~GJsg_|qEgMC5T;7rEgcnyWj=a&kJUInGd*oxqRfeY9*Z&y!E{EqH}7QUIKn^b$CNpm52GV=?ra`xHU
;h}&YCV7)(sUOFJ_7Od5^P^vHgp-lIG!3EZ1xxX<Z5DL7A@$F|CSwW3rJ|Onx<fV2Gn-
Q45Oa@v%=X!Q<DgJiW5?`4@HmF8iqcs%@E$sw^yXH^sD7jB_^mYU1eTioo~I^PJH`UM>3jF8xe4PXWEyrSI#RVf)-
MeK(bJG?%7Lfbn>#X6;`S`NxyW=Zam;`{v|bu=H-7@!ha5W}g=NQ{M_$gIVNfh2<ZAyo-
tPWO4E<nKh<oclI<iciFa%KlSt@D^O-_iF`F?_wd+F(sR_e&1$!u;&xZW(Q@MXW*z&WsZ5zAC4DP<T%1t)-npV!^W*2Q{y*(vdguqE-
VODi!5w!)O}MAn6*ZavqeHqUy-C-
SKOlXwKIPWEQ?4yvi%C}f-R=qRiSv)wAI+ZCb?4X<>fp8y$baI%_sQ#fePw=WZ9%WG_pfd&9N&E<2A7X^Uzz`_tN+_2cfx!9((FH9s(<%VvHR-aw%u0^
aeFHMl~txPm8nc+DpQ%tRHibOsZ3=mQ<=(CrZSbOOl2xlnST5<x?EaXT3T9K`v2E@&8>Ql{JzEZM8Wn%@!z*6HeBJIoAK(>wrZ1(Yl}C({_hii`pvIZ^
cIBC<3Dr@Ld`v0T<8=B@*iYz-IHF$wamME_Rf~~)c?hHPk7(8&wt0Rf7{l(4)jif;*0;=cOA^!!TW#2^X^pd{yUV<+~NEmcAnleaq&UDx#6OIc}TxJtP
5w&#;3RGmsxX?Ib_aknS5UQh<UweUf*tBO%=0$Xm(b=&CkdS^7BmnS#znp%EN5U`0aZ?bp0KF{ifoFaaKE@`^T?7{rCUptr^8e;<sY4p|{w`TWsJhHtx
O=&ttJsx7eUtY|K4}#g3_BBW|&c>GmxlMI6OO=3)ag8<&d>%f&|JVuSK{V{#dP8Gjjn8Gjjn8Gjjn8Gjjn8Gjjn8Gjjn8Gjjn8Gjjn8Gjjn8Gjjn8Gjj
n8Gjjn8Gjjn8Gjjn8UK$L|7|}U^}p=QSa*fjoms9gIaY15>IzGL9sk-_KRog0qZi(={KpSXeEP!oPVIgCjg`NA_JNAtvC)6wiudJrZcRP%<cZoJeCM9(
H|}1m{n77zq4v-h=TC3EcBA&MFTXyqd-;2{D_6f#`Hu%4tAAqQ+pga2@rU1frt<l}`;Eq{>%U*qyFPwkjdy+2Tv-
J5KmYPXvFqal?g{Ui^H0~GDt=R<*h+Bw?vAJUv5fawx90U}?|t%7%@fZ*tGRmRJ-7V6gb>GnUqWZ4JK;^v*6Xfqow4)=h97-
!@686cF>`nQT)yqa5pQXKzWUss++P#tzEb@!>4X9o
"""


def test_what_whylogs_does_not_know_of_times_is_unknown_and_no_drift(random: np.random.Generator) -> None:
    frame = frame_of(random, 300)
    frame["when"] = pd.date_range("2020", periods=300).astype(object)
    frame["long"] = ["x" * 110 + str(row % 3) for row in range(300)]
    known = Profile.from_bytes(written_by_whylogs(frame)[1])
    assert (known["when"].kind, known["when"].distinct.relative_error) == ("unknown", np.inf)
    assert drift(known, frame).drifted == []
    merged = merge([known, profile(frame)])
    assert Profile.from_bytes(merged.to_bytes()) == merged
    assert merged["when"].distinct.incomplete
    merged._repr_html_()


def test_a_column_of_unknown_values_is_compared_by_what_is_missing() -> None:
    from dataclasses import replace

    from obs_profiles.sketches import DistinctSketch

    times = profile({"when": pd.date_range("2020", periods=300)})
    unknown = replace(
        times["when"], types={"unknown": 300}, times=None, distinct=DistinctSketch(incomplete=True), dtype=""
    )
    before = Profile.from_bytes(Profile({"when": unknown}, 300).to_bytes())
    assert before["when"].distinct.relative_error == np.inf
    for one, other in ((before, times), (times, before)):
        (found,) = drift(one, other)
        assert (found.change, found.drifted, found.distance) == ("", False, 0)
    assert drift(before, {"when": [None] * 30 + [1] * 270}).drifted
    assert "not counted" in before._repr_html_()


def test_a_file_of_whylogs_is_read_without_whylogs() -> None:
    known = Profile.from_bytes(zlib.decompress(base64.b85decode(KEPT.replace("\n", ""))))
    assert known.rows == 1_000
    assert known.made == 0
    assert {name: column.kind for name, column in known.columns.items()} == {
        "delay": "number",
        "flag": "boolean",
        "hour": "integer",
        "origin": "text",
    }
    assert known["delay"].missing == 100
    assert known["origin"].frequent is not None
    assert known["origin"].frequent.sorted_by_count() == [("EWR", 334, 334), ("JFK", 333, 333), ("LGA", 333, 333)]
    hour = known["hour"].numbers
    assert hour is not None
    assert (hour.least, hour.most, hour.moments.mean) == (0, 23, pytest.approx(11.436))
    assert hour.quantiles.quantiles(0.5) == pytest.approx(11, abs=1)


def test_a_damaged_file_of_whylogs_is_refused() -> None:
    data = zlib.decompress(base64.b85decode(KEPT.replace("\n", "")))
    for length in [*range(4, 200, 7), *range(200, len(data), 501)]:
        with pytest.raises(ProfileFormatError, match="whylogs"):
            Profile.from_bytes(data[:length])


def test_a_file_of_whylogs_whose_sketch_has_no_room_is_refused() -> None:
    data = zlib.decompress(base64.b85decode(KEPT.replace("\n", "")))
    damaged = re.sub(rb"(\x06\x01\x0f.)\x00\x04", lambda found: found[1] + bytes(2), data, flags=re.DOTALL)
    assert damaged != data
    with pytest.raises(ProfileFormatError, match="has room for none"):
        Profile.from_bytes(damaged)


@pytest.mark.parametrize("data", [b"WHY1" + bytes(2), b"WHY1" + bytes(4_000), b"WHY1\x00\x02\x0a\x00"])
def test_a_file_of_whylogs_without_columns_is_refused(data: bytes) -> None:
    with pytest.raises(ProfileFormatError, match="it holds no column"):
        Profile.from_bytes(data)
