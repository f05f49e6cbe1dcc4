<?php

/* SPDX-License-Identifier: ISC */

namespace OPNsense\Pinholed;

use OPNsense\Base\BaseModel;

class Pinholed extends BaseModel
{
}
