/* SPDX-License-Identifier: ISC */
#include "src/base/chars.h"

/* clang-format off */
#define VIS  (CHARS_VISIBLE | CHARS_JSON)
#define PAR  (VIS | CHARS_PARAM)
#define TOK  (PAR | CHARS_TOKEN)
#define WRD  (TOK | CHARS_WORD)
#define HST  (WRD | CHARS_HOST)
#define LET  (HST | CHARS_NAME | CHARS_ALNUM)
#define DIG  (LET | CHARS_DIGIT)
#define SPC  (CHARS_NAME | CHARS_JSON)
#define NOJ  CHARS_VISIBLE

const uint16_t chars_kinds[256] = {
	/* controls */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/*          !    "    #    $    %    &    ' */
	/**/ SPC, WRD, NOJ, PAR, PAR, TOK, PAR, TOK,
	/*   (    )    *    +    ,    -    .    / */
	/**/ PAR, PAR, WRD, WRD, VIS, HST, HST, PAR,
	/*   0    1    2    3    4    5    6    7 */
	/**/ DIG, DIG, DIG, DIG, DIG, DIG, DIG, DIG,
	/*   8    9    :    ;    <    =    >    ? */
	/**/ DIG, DIG, PAR, VIS, VIS, PAR, VIS, PAR,
	/*   @    A    B    C    D    E    F    G */
	/**/ PAR, LET, LET, LET, LET, LET, LET, LET,
	/*   H    I    J    K    L    M    N    O */
	/**/ LET, LET, LET, LET, LET, LET, LET, LET,
	/*   P    Q    R    S    T    U    V    W */
	/**/ LET, LET, LET, LET, LET, LET, LET, LET,
	/*   X    Y    Z    [    \    ]    ^    _ */
	/**/ LET, LET, LET, PAR, NOJ, PAR, PAR, WRD,
	/*   `    a    b    c    d    e    f    g */
	/**/ TOK, LET, LET, LET, LET, LET, LET, LET,
	/*   h    i    j    k    l    m    n    o */
	/**/ LET, LET, LET, LET, LET, LET, LET, LET,
	/*   p    q    r    s    t    u    v    w */
	/**/ LET, LET, LET, LET, LET, LET, LET, LET,
	/*   x    y    z    {    |    }    ~ */
	/**/ LET, LET, LET, PAR, PAR, PAR, WRD, 0,
};
/* clang-format on */
